using System.Collections.Concurrent;

namespace EdgeProxy.Resilience;

/// <summary>A cluster's connections, by what they are for.</summary>
/// <param name="create">Makes a handler, for probes or for requests.</param>
internal sealed class UpstreamPools(Func<bool, SocketsHttpHandler> create) : IDisposable
{
    /// <summary>Addresses come and go over reloads; beyond that, those that failed are forgotten.</summary>
    private const int FailedMax = 1024;

    private readonly ConcurrentDictionary<string, bool> _failed = new(StringComparer.OrdinalIgnoreCase);
    private readonly Lazy<HttpMessageInvoker> _fresh = new(() => OneEach(create(false)));
    private readonly Lazy<HttpMessageInvoker> _probes = new(() => Unbounded(create(true)));
    private readonly Lazy<HttpMessageInvoker> _freshProbes = new(() => OneEach(create(true)));

    /// <summary>Connections that are kept and used again.</summary>
    public HttpMessageInvoker Pooled { get; } = new(create(false));

    /// <summary>A new connection for each request.</summary>
    public HttpMessageInvoker Fresh => _fresh.Value;

    /// <summary>
    /// Connections of probes, which requests can neither use up nor fill. Where the last probe failed, a new one: what was wrong
    /// may have been the connection alone.
    /// </summary>
    public HttpMessageInvoker ProbesOf(Uri address) =>
        _failed.IsEmpty || !_failed.ContainsKey(address.Authority) ? _probes.Value : _freshProbes.Value;

    public void Probed(Uri address, bool isGood)
    {
        if (isGood)
        {
            _failed.TryRemove(address.Authority, out _);
            return;
        }

        if (_failed.Count >= FailedMax)
        {
            _failed.Clear();
        }

        _failed[address.Authority] = true;
    }

    /// <summary>One connection apart from all others, for whoever must not share any; to be disposed of by its user.</summary>
    public HttpMessageInvoker OpenOwn()
    {
        var handler = create(false);
        handler.MaxConnectionsPerServer = 1;
        handler.PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan; // it lasts as long as what it is kept for
        return new HttpMessageInvoker(handler);
    }

    public void Dispose()
    {
        Pooled.Dispose();
        foreach (var lazy in (Lazy<HttpMessageInvoker>[])[_fresh, _probes, _freshProbes])
        {
            if (lazy.IsValueCreated)
            {
                lazy.Value.Dispose();
            }
        }
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
