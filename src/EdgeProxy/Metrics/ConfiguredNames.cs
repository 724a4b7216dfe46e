using EdgeProxy.Configuration;

namespace EdgeProxy.Metrics;

/// <summary>Tells labels that name something configured from those that are left over from an earlier revision.</summary>
internal sealed class ConfiguredNames
{
    private readonly HashSet<string> _names = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>What any of <paramref name="revisions"/> names counts as configured.</summary>
    public ConfiguredNames(params ReadOnlySpan<Revision> revisions)
    {
        foreach (var revision in revisions)
        {
            _names.UnionWith(revision.Routes.Keys.Select(id => "route " + id));
            _names.UnionWith(revision.Policies.Keys.Select(id => "policy " + id));
            foreach (var cluster in revision.ProxyClusters)
            {
                _names.Add("cluster " + cluster.ClusterId);
                _names.UnionWith((cluster.Destinations?.Keys ?? []).Select(id => Destination(cluster.ClusterId, id)));
            }
        }
    }

    /// <summary>True when one of the labels names a route, policy, cluster or destination that is not configured.</summary>
    public bool AreGone(KeyValuePair<string, object?>[] labels)
    {
        string? cluster = null;
        foreach (var (name, value) in labels)
        {
            var id = value as string ?? "";
            cluster = name == "cluster" ? id : cluster;
            var gone = name switch
            {
                "route" => id != EdgeMeter.NoRoute && !_names.Contains("route " + id),
                "policy" => !_names.Contains("policy " + id),
                "cluster" => !_names.Contains("cluster " + id),
                "destination" => id.Length > 0 && !_names.Contains(Destination(cluster, id)),
                _ => false,
            };
            if (gone)
            {
                return true;
            }
        }

        return false;
    }

    // A slash is refused in no id, a line feed in every one.
    private static string Destination(string? cluster, string id) => $"destination {cluster}\n{id}";
}
