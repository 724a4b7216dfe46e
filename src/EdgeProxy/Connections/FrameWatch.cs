using System.IO.Pipelines;

namespace EdgeProxy.Connections;

/// <summary>
/// An HTTP/2 connection's output, passed through unchanged, with an eye on the frames by which the server ends a stream or the
/// connection: they are all that is to be seen of a request that never reaches the pipeline. Used by one writer at a time.
/// </summary>
/// <param name="inner">The connection's own output.</param>
/// <param name="ended">Told the error code of each RST_STREAM and GOAWAY.</param>
internal sealed class FrameWatch(PipeWriter inner, Action<uint> ended) : PipeWriter
{
    private ErrorFrames _frames;
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
        Watch(source.Span);
        _room = default;
        return inner.WriteAsync(source, cancellationToken);
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => inner.FlushAsync(cancellationToken);

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    private void Watch(ReadOnlySpan<byte> bytes)
    {
        while (_frames.TryRead(ref bytes, out var code))
        {
            ended(code);
        }
    }
}
