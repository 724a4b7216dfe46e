namespace EdgeProxy.Resilience;

/// <summary>
/// Connections that are kept and used again. The platform's client closes idle ones after a time alone: to close them now, it is left for
/// another one. Requests that are under way on it go on; their connections close behind them.
/// </summary>
internal sealed class PooledConnections(Func<SocketsHttpHandler> create) : HttpMessageHandler
{
    private readonly Lock _replacing = new();
    private volatile HttpMessageInvoker _current = new(create());
    private bool _disposed;

    public void CloseIdle()
    {
        HttpMessageInvoker old;
        lock (_replacing)
        {
            if (_disposed)
            {
                return;
            }

            old = _current;
            _current = new HttpMessageInvoker(create());
        }

        old.Dispose();
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var current = _current;
        try
        {
            return current.SendAsync(request, cancellationToken);
        }
        catch (ObjectDisposedException) when (current != _current)
        {
            return SendAsync(request, cancellationToken); // it was left a moment ago, before the request was begun
        }
    }

    protected override void Dispose(bool disposing)
    {
        lock (_replacing)
        {
            _disposed = true;
        }

        _current.Dispose();
        base.Dispose(disposing);
    }
}
