using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Resilience;

/// <summary>
/// A response's body on its way to the client: it tells whether, and for how long, the client was waited for. The server's buffers do not
/// tell: on HTTP/2 they take 4 KiB of a stream that its client keeps shut, on HTTP/1.1 they are shared by all responses of a connection.
/// </summary>
internal sealed class WatchedOutput : Stream, IHttpResponseBodyFeature
{
    /// <summary>After so much waiting a destination may have given up for the client.</summary>
    private static readonly TimeSpan LongWait = TimeSpan.FromSeconds(1);

    private readonly IHttpResponseBodyFeature _own;
    private readonly Stream _inner;
    private readonly EdgeContext _edge;
    private readonly TimeProvider _time;
    private long _waited;
    private volatile bool _isWaiting;

    private WatchedOutput(IHttpResponseBodyFeature own, EdgeContext edge, TimeProvider time) =>
        (_own, _inner, _edge, _time) = (own, own.Stream, edge, time);

    /// <summary>The client does not take what there is.</summary>
    public bool IsWaiting => _isWaiting;

    /// <summary>The copy was ended while the client did not take what there was.</summary>
    public bool ClientKeptWaiting { get; private set; }

    /// <summary>The copy has waited for the client so long, in all, that a destination may have broken off for that.</summary>
    public bool IsHeldUp => TimeSpan.FromTicks(Volatile.Read(ref _waited)) >= LongWait;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    Stream IHttpResponseBodyFeature.Stream => this;

    PipeWriter IHttpResponseBodyFeature.Writer => _own.Writer;

    /// <summary>Puts it before the response's own body, until <see cref="End"/>.</summary>
    public static WatchedOutput Begin(HttpContext context, TimeProvider time)
    {
        var output = new WatchedOutput(context.Features.GetRequiredFeature<IHttpResponseBodyFeature>(), context.Edge(), time);
        context.Features.Set<IHttpResponseBodyFeature>(output);
        return output;
    }

    /// <summary>The response has its own body again.</summary>
    public void End(HttpContext context) => context.Features.Set(_own);

    void IHttpResponseBodyFeature.DisableBuffering() => _own.DisableBuffering();

    Task IHttpResponseBodyFeature.StartAsync(CancellationToken cancellationToken) => _own.StartAsync(cancellationToken);

    Task IHttpResponseBodyFeature.SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken) =>
        _own.SendFileAsync(path, offset, count, cancellationToken);

    Task IHttpResponseBodyFeature.CompleteAsync() => _own.CompleteAsync();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var written = _inner.WriteAsync(buffer, cancellationToken);
        return written.IsCompletedSuccessfully ? written : WaitAsync(written);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        var flushed = _inner.FlushAsync(cancellationToken);
        return flushed.IsCompletedSuccessfully ? flushed : WaitAsync(new ValueTask(flushed)).AsTask();
    }

    public override void Flush() => _inner.Flush();

    public override void Write(byte[] buffer, int offset, int count) => _inner.Write(buffer, offset, count);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WaitAsync(ValueTask writing)
    {
        var since = _time.GetTimestamp();
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
            var now = _time.GetTimestamp();
            Volatile.Write(ref _waited, _waited + _time.GetElapsedTime(since, now).Ticks);
            _isWaiting = false;
            _edge.WaitedForClient(now - since);
        }
    }
}
