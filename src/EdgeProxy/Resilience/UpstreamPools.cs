using System.Collections.Concurrent;

namespace EdgeProxy.Resilience;

/// <summary>A cluster's connections, by what they are for.</summary>
internal sealed class UpstreamPools : IDisposable
{
    /// <summary>Addresses come and go over reloads; beyond that, what is known of those probed is forgotten.</summary>
    private const int ProbedMax = 1024;

    private readonly ConcurrentDictionary<string, bool> _failed = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, bool> _http1 = new(StringComparer.OrdinalIgnoreCase);
    private readonly Func<bool, SocketsHttpHandler> _create;
    private readonly UpstreamSockets.Pool _sockets;
    private readonly PooledConnections _pooled;
    private readonly Lazy<HttpMessageInvoker> _fresh;
    private readonly Lazy<HttpMessageInvoker> _probes;
    private readonly Lazy<HttpMessageInvoker> _freshProbes;

    /// <param name="cluster">Its id.</param>
    /// <param name="sockets">Counts and bounds the connections of all clusters.</param>
    /// <param name="create">Makes a handler, for probes or for requests, whose connections are counted where it is told.</param>
    public UpstreamPools(string cluster, UpstreamSockets sockets, Func<bool, UpstreamSockets.Pool, SocketsHttpHandler> create)
    {
        _sockets = sockets.Join(cluster, () => _pooled?.CloseIdle());
        _create = isProbe => create(isProbe, _sockets);
        _pooled = new PooledConnections(() => _create(false));
        Pooled = new HttpMessageInvoker(_pooled);
        _fresh = new(() => OneEach(_create(false)));
        _probes = new(() => Unbounded(_create(true)));
        _freshProbes = new(() => OneEach(_create(true)));
    }

    /// <summary>Connections that are kept and used again.</summary>
    public HttpMessageInvoker Pooled { get; }

    /// <summary>A new connection for each request.</summary>
    public HttpMessageInvoker Fresh => _fresh.Value;

    /// <summary>
    /// Connections of probes, which requests can neither use up nor fill. Where the last probe failed, a new one: what was wrong
    /// may have been the connection alone.
    /// </summary>
    public HttpMessageInvoker ProbesOf(Uri address) =>
        _failed.IsEmpty || !_failed.ContainsKey(address.Authority) ? _probes.Value : _freshProbes.Value;

    public void Probed(Uri address, bool isGood) => Remember(_failed, address, !isGood);

    /// <summary>The last probe that was answered at this address went over HTTP/1.1, though the cluster speaks HTTP/2.</summary>
    public bool SpeaksHttp1(Uri address) => _http1.ContainsKey(address.Authority);

    public void SpeaksHttp1(Uri address, bool does) => Remember(_http1, address, does);

    /// <summary>One connection apart from all others, for whoever must not share any; to be disposed of by its user.</summary>
    public HttpMessageInvoker OpenOwn()
    {
        var handler = _create(false);
        handler.MaxConnectionsPerServer = 1;
        handler.PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan; // it lasts as long as what it is kept for
        return new HttpMessageInvoker(handler);
    }

    public void Dispose()
    {
        _sockets.Dispose();
        Pooled.Dispose();
        foreach (var lazy in (Lazy<HttpMessageInvoker>[])[_fresh, _probes, _freshProbes])
        {
            if (lazy.IsValueCreated)
            {
                lazy.Value.Dispose();
            }
        }
    }

    private static void Remember(ConcurrentDictionary<string, bool> addresses, Uri address, bool isOne)
    {
        if (!isOne)
        {
            addresses.TryRemove(address.Authority, out _);
            return;
        }

        if (addresses.Count >= ProbedMax)
        {
            addresses.Clear();
        }

        addresses[address.Authority] = true;
    }

    private static HttpMessageInvoker OneEach(SocketsHttpHandler handler)
    {
        handler.PooledConnectionLifetime = TimeSpan.Zero; // each request opens a connection, and closes it
        return new HttpMessageInvoker(handler);
    }

    private static HttpMessageInvoker Unbounded(SocketsHttpHandler handler)
    {
        handler.MaxConnectionsPerServer = int.MaxValue;
        return new HttpMessageInvoker(handler);
    }
}
