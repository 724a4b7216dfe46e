using System.IO.Pipelines;
using System.Runtime.InteropServices;

namespace EdgeProxy.Connections;

/// <summary>
/// An HTTP/2 connection's output, passed through with an eye on the frames by which the server ends a stream or the connection: they are
/// all that is to be seen of a request that never reaches the pipeline. Used by one writer at a time.
/// </summary>
/// <param name="inner">The connection's own output.</param>
/// <param name="flood">Told of each frame.</param>
/// <param name="ended">Told the error code of each RST_STREAM and GOAWAY; gives the one to send, other in its last byte at most.</param>
internal sealed class FrameWatch(PipeWriter inner, FrameFlood flood, Func<uint, uint> ended) : PipeWriter
{
    private ErrorFrames _errors;
    private FrameHeads _frames;
    private Memory<byte> _room;

    public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

    public override long UnflushedBytes => inner.UnflushedBytes;

    public override Memory<byte> GetMemory(int sizeHint = 0) => _room = inner.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        Watch(_room.Span[..bytes]);
        _room = _room[bytes..]; // the writer may go on in the room that is left
        inner.Advance(bytes);
    }

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        Watch(MemoryMarshal.AsMemory(source).Span);
        _room = default;
        return inner.WriteAsync(source, cancellationToken);
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => inner.FlushAsync(cancellationToken);

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    private void Watch(Span<byte> bytes)
    {
        ReadOnlySpan<byte> left = bytes;
        while (_frames.TryRead(ref left, out var type, out var length))
        {
            flood.OnSent(type, length);
        }

        left = bytes;
        while (_errors.TryRead(ref left, out var code))
        {
            if (ended(code) is var said && said != code)
            {
                bytes[^(left.Length + 1)] = (byte)said;
            }
        }
    }
}
