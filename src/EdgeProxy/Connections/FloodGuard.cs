using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.InteropServices;

namespace EdgeProxy.Connections;

/// <summary>
/// A client's frames of HTTP/2, passed through as <see cref="LengthWatch"/> leaves them until they are a flood. Then, behind a whole
/// frame, the server reads one that is longer than any may be: it ends the connection with GOAWAY, whose code
/// <see cref="FrameWatch"/> sets to what it was.
/// </summary>
internal sealed class FloodGuard(PipeReader inner, FrameFlood flood, LengthWatch lengths) : PassingReader(inner)
{
    private const int PrefaceLength = 24;

    private static readonly ReadOnlySequence<byte> TooLong = new([0xFF, 0xFF, 0xFF, 4, 0, 0, 0, 0, 0]);

    private readonly TaskCompletionSource<ReadResult> _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private FrameHeads _frames = new(PrefaceLength);
    private ReadOnlySequence<byte> _buffer;
    private long _watched;
    private bool _isEnded;

    /// <summary>The server reads no more of the client's frames than it has.</summary>
    private bool IsOver => flood.IsOne && _frames.IsAtBoundary;

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
        _isEnded ? new(_over.Task) : base.ReadAsync(cancellationToken);

    public override bool TryRead(out ReadResult result)
    {
        result = default;
        if (_isEnded || !base.TryRead(out result))
        {
            return false;
        }

        result = Watch(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (!_isEnded)
        {
            _watched -= _buffer.Slice(0, consumed).Length;
            base.AdvanceTo(consumed, examined);
        }
    }

    public override void CancelPendingRead()
    {
        _over.TrySetResult(new ReadResult(default, isCanceled: true, isCompleted: false));
        base.CancelPendingRead();
    }

    protected override ValueTask<ReadResult> PassAsync(ReadResult read) => new(Watch(read));

    private ReadResult Watch(in ReadResult read)
    {
        _buffer = read.Buffer;
        if (!IsOver)
        {
            foreach (var segment in read.Buffer.Slice(_watched))
            {
                lengths.Watch(MemoryMarshal.AsMemory(segment).Span);
                if (Watch(segment.Span))
                {
                    break;
                }
            }
        }

        if (!IsOver)
        {
            return read;
        }

        if (_watched > 0)
        {
            return new ReadResult(read.Buffer.Slice(0, _watched), read.IsCanceled, isCompleted: false);
        }

        base.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        _isEnded = true;
        return new ReadResult(TooLong, isCanceled: false, isCompleted: false);
    }

    /// <summary>True when the frames are a flood and the last of them is whole. What follows it in the bytes is left.</summary>
    private bool Watch(ReadOnlySpan<byte> bytes)
    {
        var left = bytes;
        while (!left.IsEmpty && !IsOver)
        {
            if (flood.IsOne)
            {
                _frames.SkipPayload(ref left); // not on to the next head: a boundary would be missed
            }
            else if (_frames.TryRead(ref left, out var type, out var length))
            {
                flood.OnReceived(type, length);
            }
        }

        _watched += bytes.Length - left.Length;
        return IsOver;
    }
}
