using System.Buffers;
using System.IO.Pipelines;

namespace EdgeProxy.Connections;

/// <summary>
/// A connection's output, passed through until <see cref="Replace"/> is called; after that nothing that is written
/// reaches the client but the replacement. Like any PipeWriter used by one writer at a time.
/// </summary>
internal sealed class ReplaceableOutput(PipeWriter inner) : PipeWriter
{
    private byte[]? _replacement;
    private byte[]? _discarded;
    private bool _isReplaced;

    public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

    public override long UnflushedBytes => inner.UnflushedBytes;

    /// <summary>Says <paramref name="answer"/> instead of whatever is written from now on.</summary>
    public void Replace(byte[] answer)
    {
        if (!_isReplaced)
        {
            _isReplaced = true;
            _replacement = answer;
        }
    }

    public override Memory<byte> GetMemory(int sizeHint = 0) => _isReplaced ? Discarded(sizeHint) : inner.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => _isReplaced ? Discarded(sizeHint) : inner.GetSpan(sizeHint);

    public override void Advance(int bytes)
    {
        if (!_isReplaced)
        {
            inner.Advance(bytes);
        }
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        Say();
        return inner.FlushAsync(cancellationToken);
    }

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default) =>
        _isReplaced ? FlushAsync(cancellationToken) : inner.WriteAsync(source, cancellationToken);

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null)
    {
        Say();
        inner.Complete(exception);
    }

    public override ValueTask CompleteAsync(Exception? exception = null)
    {
        Say();
        return inner.CompleteAsync(exception);
    }

    private void Say()
    {
        if (_replacement is { } answer)
        {
            _replacement = null;
            inner.Write(answer);
        }
    }

    private byte[] Discarded(int size)
    {
        if (_discarded is null || _discarded.Length < size)
        {
            _discarded = new byte[Math.Max(size, 512)];
        }

        return _discarded;
    }
}
