using System.IO.Pipelines;
using EdgeProxy.Connections;
using Xunit;

namespace EdgeProxy.Tests.Connections;

/// <summary>A flood ends behind a whole frame, wherever reads cut the frames.</summary>
public sealed class FloodGuardTests
{
    private const int Preface = 24;
    private const byte Priority = 2;

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(8)]
    [InlineData(600)]
    public async Task A_flood_ends_though_no_read_ends_with_a_frame(int payload)
    {
        var size = FrameHeads.HeadLength + payload;
        var frames = (int)(FrameFlood.Allowed * 2 / size);
        var bytes = new byte[Preface + (frames * size) + 1]; // one byte of the next frame: the read does not end at a boundary
        for (var at = Preface; at + size <= bytes.Length; at += size)
        {
            (bytes[at + 1], bytes[at + 2], bytes[at + 3]) = ((byte)(payload >> 8), (byte)payload, Priority);
        }

        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        await pipe.Writer.WriteAsync(bytes, TestContext.Current.CancellationToken);
        var guard = new FloodGuard(pipe.Reader, new FrameFlood(TimeProvider.System), new LengthWatch(new MalformedStreams()));

        Assert.True(guard.TryRead(out var before));
        Assert.Equal(0, (before.Buffer.Length - Preface) % size);
        Assert.InRange(before.Buffer.Length, FrameFlood.Allowed, FrameFlood.Allowed + Preface + size);
        guard.AdvanceTo(before.Buffer.End);

        Assert.True(guard.TryRead(out var end));
        Assert.Equal(FrameHeads.HeadLength, end.Buffer.Length);
        Assert.Equal(0xFF, end.Buffer.FirstSpan[0]); // a length that no frame may have
        guard.AdvanceTo(end.Buffer.Start, end.Buffer.End);
        Assert.False(guard.TryRead(out _));
    }
}
