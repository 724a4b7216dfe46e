using System.Collections.Concurrent;
using EdgeProxy.Upstreams;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>
/// A cluster's connections, apart by the name that TLS was spoken under: what was opened for one destination never carries requests to
/// another that happens to stand at the same address.
/// </summary>
internal sealed class ClusterPools(Func<string, UpstreamPools> create) : IDisposable
{
    private readonly ConcurrentDictionary<string, UpstreamPools> _pools = new(StringComparer.OrdinalIgnoreCase);

    public UpstreamPools Of(DestinationState destination) => Of(DestinationTls.NameOf(destination));

    /// <summary>For a probe, whose fields are all the edge's own.</summary>
    public UpstreamPools Of(HttpRequestMessage probe) => Of(DestinationTls.NameOf(probe.RequestUri!, probe.Headers.Host));

    public void Dispose()
    {
        foreach (var (_, pools) in _pools)
        {
            pools.Dispose();
        }
    }

    private UpstreamPools Of(string name)
    {
        if (_pools.TryGetValue(name, out var known))
        {
            return known;
        }

        var made = create(name);
        var kept = _pools.GetOrAdd(name, made);
        if (kept != made)
        {
            made.Dispose(); // somebody was faster
        }

        return kept;
    }
}
