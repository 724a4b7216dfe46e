using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Resilience;

/// <summary>
/// An answer's body on its way to the client, on routes with a time: when that is over, it tells whether the client was waited for. The
/// server's buffers do not tell: on HTTP/2 they take 4 KiB of a stream that its client keeps shut, on HTTP/1.1 they are shared by all
/// answers of a connection.
/// </summary>
internal sealed class WatchedOutput(Stream inner, EdgeContext edge, TimeProvider time) : Stream
{
    private volatile bool _isWaiting;

    /// <summary>The client does not take what there is.</summary>
    public bool IsWaiting => _isWaiting;

    /// <summary>The copy was ended while the client did not take what there was.</summary>
    public bool ClientKeptWaiting { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Puts it before the response's own body, which is to be set again when the answer has ended.</summary>
    public static WatchedOutput Begin(HttpContext context, IHttpResponseBodyFeature own, TimeProvider time)
    {
        var output = new WatchedOutput(own.Stream, context.Edge(), time);
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(output, own));
        return output;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var written = inner.WriteAsync(buffer, cancellationToken);
        return written.IsCompletedSuccessfully ? written : WaitAsync(written.AsTask());
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        var flushed = inner.FlushAsync(cancellationToken);
        return flushed.IsCompletedSuccessfully ? flushed : WaitAsync(flushed).AsTask();
    }

    public override void Flush() => inner.Flush();

    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private async ValueTask WaitAsync(Task writing)
    {
        var since = time.GetTimestamp();
        _isWaiting = true;
        try
        {
            await writing;
        }
        catch (OperationCanceledException)
        {
            ClientKeptWaiting = true;
            throw;
        }
        finally
        {
            _isWaiting = false;
            edge.WaitedForClient(time.GetTimestamp() - since);
        }
    }
}
