namespace EdgeProxy.Resilience;

/// <summary>A cluster's connections, by what they are for.</summary>
internal sealed class UpstreamPools(Func<SocketsHttpHandler> create) : IDisposable
{
    private readonly Lazy<HttpMessageInvoker> _fresh = new(() =>
    {
        var handler = create();
        handler.PooledConnectionLifetime = TimeSpan.Zero; // each request opens a connection, and closes it
        return new HttpMessageInvoker(handler);
    });

    private readonly Lazy<HttpMessageInvoker> _probes = new(() =>
    {
        var handler = create();
        handler.MaxConnectionsPerServer = int.MaxValue;
        return new HttpMessageInvoker(handler);
    });

    /// <summary>Connections that are kept and used again.</summary>
    public HttpMessageInvoker Pooled { get; } = new(create());

    /// <summary>A new connection for each request.</summary>
    public HttpMessageInvoker Fresh => _fresh.Value;

    /// <summary>Connections of probes, which requests can neither use up nor fill.</summary>
    public HttpMessageInvoker Probes => _probes.Value;

    /// <summary>One connection apart from all others, for whoever must not share any; to be disposed of by its user.</summary>
    public HttpMessageInvoker OpenOwn()
    {
        var handler = create();
        handler.MaxConnectionsPerServer = 1;
        handler.PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan; // it lasts as long as what it is kept for
        return new HttpMessageInvoker(handler);
    }

    public void Dispose()
    {
        Pooled.Dispose();
        if (_fresh.IsValueCreated)
        {
            _fresh.Value.Dispose();
        }

        if (_probes.IsValueCreated)
        {
            _probes.Value.Dispose();
        }
    }
}
