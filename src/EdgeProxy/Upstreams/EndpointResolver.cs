using System.Net;
using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.ServiceDiscovery;

namespace EdgeProxy.Upstreams;

/// <summary>
/// Gives YARP an endpoint for each address of a destination's name, as STRICT_DNS does in Envoy: each is balanced, probed and cut off by
/// itself. A name that is not resolved stays as it is written, and is looked up when a request connects. Never fails.
/// </summary>
internal sealed class EndpointResolver(NameTable names) : IDestinationResolver
{
    /// <summary>How long a start or a reload waits for names that are new.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    public async ValueTask<ResolvedDestinationCollection> ResolveDestinationsAsync(
        IReadOnlyDictionary<string, DestinationConfig> destinations, CancellationToken cancellationToken)
    {
        if (!destinations.Values.Any(destination => NameKey.Of(destination.Address) is not null))
        {
            return new ResolvedDestinationCollection(destinations, null);
        }

        var changed = names.Changed; // before anything is read
        var resolved = new Dictionary<string, DestinationConfig>(StringComparer.OrdinalIgnoreCase);
        foreach (var (id, shown) in destinations.Select(pair => (pair.Key, ShowAsync(pair.Value))).ToList())
        {
            Add(resolved, id, destinations[id], await shown);
        }

        return new ResolvedDestinationCollection(resolved, changed);
    }

    /// <summary>The destination itself, or an endpoint for each of its addresses.</summary>
    public static void Add(Dictionary<string, DestinationConfig> resolved, string id, DestinationConfig configured, ResolvedName? name)
    {
        if (name is null || NameKey.Of(configured.Address) is not { } key)
        {
            resolved[id] = configured;
            return;
        }

        var uri = new Uri(configured.Address);
        foreach (var endpoint in name.Endpoints)
        {
            resolved[EndpointId.Of(id, endpoint.ToString())] = configured with
            {
                Address = At(uri, endpoint, endpoint.Port),
                Health = HealthOf(configured, key, endpoint),
                Host = string.IsNullOrEmpty(configured.Host) ? key.Authority(uri.IsDefaultPort) : configured.Host,
                Metadata = EndpointId.Metadata(configured, key.ToString()),
            };
        }
    }

    private Task<ResolvedName?> ShowAsync(DestinationConfig destination) => NameKey.Of(destination.Address) is { } key
        ? names.ShowAsync(key, Patience).AsTask()
        : Task.FromResult<ResolvedName?>(null);

    /// <summary>Probes of the same host go to the endpoint, at the port that is written; those of another host stay.</summary>
    private static string? HealthOf(DestinationConfig configured, NameKey key, IPEndPoint endpoint) =>
        configured.Health is { Length: > 0 } health && NameKey.Of(health) is { } probed && probed.Host == key.Host
            ? At(new Uri(health), endpoint, probed.IsService ? endpoint.Port : probed.Port)
            : configured.Health;

    private static string At(Uri address, IPEndPoint endpoint, int port) =>
        $"{address.Scheme}://{new IPEndPoint(endpoint.Address, port)}{address.AbsolutePath}";
}
