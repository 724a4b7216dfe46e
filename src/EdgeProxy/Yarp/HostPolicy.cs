using Microsoft.AspNetCore.Routing.Matching;

namespace EdgeProxy.Yarp;

/// <summary>
/// Chooses routes by host, in place of the platform's policy, whose choice between `*.example.com` and `*.a.example.com` hangs on the
/// order of a sort, and which takes hosts that differ in case for two. An exact host goes before a wildcard, a longer wildcard
/// before a shorter one, one with a port before one without. Costs the host's labels, however many hosts there are.
/// </summary>
internal sealed class HostPolicy : MatcherPolicy, IEndpointComparerPolicy, INodeBuilderPolicy
{
    /// <summary>Behind methods and before all else, like the platform's.</summary>
    public override int Order => -100;

    public IComparer<Endpoint> Comparer => EndpointMetadataComparer<IHostMetadata>.Default;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => endpoints.Any(endpoint => HostKey.Of(endpoint).Count > 0);

    /// <summary>For each host that is named: the endpoints that take it, in the order given.</summary>
    public IReadOnlyList<PolicyNodeEdge> GetEdges(IReadOnlyList<Endpoint> endpoints)
    {
        var edges = new Dictionary<HostKey, List<Endpoint>>();
        foreach (var endpoint in endpoints)
        {
            var keys = HostKey.Of(endpoint);
            edges.TryAdd(HostKey.Any, []);
            foreach (var key in keys)
            {
                edges.TryAdd(key, []);
            }
        }

        var below = WildcardsBelow(edges.Keys);
        foreach (var endpoint in endpoints)
        {
            var keys = HostKey.Of(endpoint);
            foreach (var edge in keys.Count == 0 ? edges.Keys : keys.SelectMany(key => Covered(key, below)).Distinct())
            {
                edges[edge].Add(endpoint);
            }
        }

        return [.. edges.Where(edge => edge.Value.Count > 0).Select(edge => new PolicyNodeEdge(edge.Key, edge.Value))];
    }

    public PolicyJumpTable BuildJumpTable(int exitDestination, IReadOnlyList<PolicyJumpTableEdge> edges) =>
        new JumpTable(exitDestination, edges.ToDictionary(edge => (HostKey)edge.State, edge => edge.Destination));

    /// <summary>The key itself, and of a wildcard those that it holds. A key with a port and one without are never mixed.</summary>
    private static List<HostKey> Covered(HostKey key, Dictionary<HostKey, List<HostKey>> below) =>
        below.TryGetValue(key, out var held) ? held : [key];

    /// <summary>By each wildcard all that it holds, itself among them: found from below, label by label, however many there are.</summary>
    private static Dictionary<HostKey, List<HostKey>> WildcardsBelow(IReadOnlyCollection<HostKey> keys)
    {
        var below = keys.Where(key => key.IsWildcard).ToDictionary(key => key, _ => new List<HostKey>());
        foreach (var key in below.Keys)
        {
            for (var dot = 0; dot >= 0; dot = key.Host.IndexOf('.', dot + 1))
            {
                if (below.TryGetValue(key with { Host = key.Host[dot..] }, out var held))
                {
                    held.Add(key);
                }
            }
        }

        return below;
    }

    private sealed class JumpTable : PolicyJumpTable
    {
        private readonly int _exit;
        private readonly Dictionary<HostKey, int> _destinations;
        private readonly bool _hasPorts;

        public JumpTable(int exit, Dictionary<HostKey, int> destinations)
        {
            _exit = exit;
            _destinations = destinations;
            _hasPorts = destinations.Keys.Any(key => key.Port is not null);
        }

        public override int GetDestination(HttpContext httpContext)
        {
            var host = httpContext.Request.Host;
            var name = HostKey.NameOf(host.Host);
            int? port = _hasPorts ? host.Port ?? (httpContext.Request.IsHttps ? 443 : 80) : null;
            return TryFind(new HostKey(name, port), out var found) || TryFind(new HostKey(name, null), out found)
                || TryWildcard(name, port, out found) || TryWildcard(name, null, out found)
                || TryFind(new HostKey("", port), out found) || TryFind(HostKey.Any, out found)
                    ? found
                    : _exit;
        }

        private bool TryFind(HostKey key, out int destination) => _destinations.TryGetValue(key, out destination);

        private bool TryWildcard(string name, int? port, out int destination)
        {
            destination = 0;
            if (name.StartsWith('.') || name.Contains("..", StringComparison.Ordinal))
            {
                return false; // a label that is empty is nobody's
            }

            for (var dot = name.IndexOf('.'); dot >= 0; dot = name.IndexOf('.', dot + 1))
            {
                if (TryFind(new HostKey(name[dot..], port), out destination))
                {
                    return true;
                }
            }

            return false;
        }
    }
}

/// <summary>A host of a route.</summary>
/// <param name="Host">In lower case; `.example.com` for `*.example.com`, empty for any.</param>
/// <param name="Port">Null: any.</param>
internal readonly record struct HostKey(string Host, int? Port)
{
    public static HostKey Any { get; } = new("", null);

    public bool IsWildcard => Host.StartsWith('.');

    /// <summary>Hosts that the endpoint is bound to; none when it takes all.</summary>
    public static IReadOnlyList<HostKey> Of(Endpoint endpoint)
    {
        var hosts = endpoint.Metadata.GetMetadata<IHostMetadata>()?.Hosts ?? [];
        return hosts.Count == 0 ? [] : [.. hosts.Select(Parse)];
    }

    /// <summary>
    /// In lower case and without a final dot, which says that the name is complete (RFC 3986, 3.2.2). The same text when it is so already.
    /// </summary>
    public static string NameOf(string host)
    {
        var name = host.ToLowerInvariant();
        return name.Length > 1 && name[^1] == '.' ? name[..^1] : name;
    }

    public static HostKey Parse(string host)
    {
        var colon = host.LastIndexOf(':');
        var name = colon < 0 ? host : host[..colon];
        return new HostKey(
            NameOf(name.StartsWith('*') ? name[1..] : name),
            colon >= 0 && int.TryParse(host.AsSpan(colon + 1), out var port) ? port : null);
    }
}
