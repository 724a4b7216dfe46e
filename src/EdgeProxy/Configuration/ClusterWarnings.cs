using System.Text.RegularExpressions;

namespace EdgeProxy.Configuration;

/// <summary>What is allowed in a cluster, or between a route and its cluster, and hurts traffic without a word.</summary>
internal static partial class ClusterWarnings
{
    public static void Check(Draft draft, FaultList faults)
    {
        var clusters = draft.Clusters.ToDictionary(cluster => cluster.Entry.Id, StringComparer.OrdinalIgnoreCase);
        foreach (var cluster in draft.Clusters)
        {
            faults.GoOn();
            CheckSchemes(cluster, faults);
            CheckWeights(cluster, faults);
            CheckIdle(cluster.Entry.Section, cluster.Entry.Section, faults);
        }

        foreach (var route in draft.Routes)
        {
            faults.GoOn();
            if (route.Config.ClusterId is { } id && clusters.TryGetValue(id, out var cluster))
            {
                CheckIdle(route.Entry.Section, cluster.Entry.Section, faults);
                CheckGrpc(route, cluster, faults);
            }
        }

        foreach (var routes in draft.Routes.GroupBy(route => route.Config.ClusterId ?? "", StringComparer.OrdinalIgnoreCase))
        {
            if (clusters.TryGetValue(routes.Key, out var cluster))
            {
                var section = cluster.Entry.Section;
                CheckWaits(section, [.. routes.Where(route => !BoundsWait(route.Entry.Section, section))], faults);
            }
        }
    }

    /// <summary>
    /// A destination that hangs is then waited for as long as `Idle` says for all, which is longer than most clients wait: they leave,
    /// and what they leave looks like their own doing. Said once a cluster, of its first such route.
    /// </summary>
    private static void CheckWaits(Section cluster, IReadOnlyList<RouteDraft> unbounded, FaultList faults)
    {
        if (unbounded.Count > 0)
        {
            var member = unbounded[0].Entry.Member;
            var others = unbounded.Count > 1 ? $" (and {unbounded.Count - 1} more of the cluster)" : "";
            var idle = DurationText.Format(cluster.Object("HttpRequest").Duration("ActivityTimeout"));
            faults.Warn(
                FaultCodes.UnboundedWait, member.Place, member.Value.Path,
                $"nothing bounds the wait for a response{others} but the {idle} of silence that hold everywhere: "
                + "write Timeouts.ResponseHeaders for the cluster, or the route's Timeout");
        }
    }

    /// <summary>Somebody has said how long a response, or a client, may take: any bound that is written counts.</summary>
    private static bool BoundsWait(Section route, Section cluster) =>
        Writes(route, "Timeout", "AbandonedAfter") || Writes(cluster.Object("HttpRequest"), "ActivityTimeout")
        || Writes((route.Has("Timeouts") ? route : cluster).Object("Timeouts"), "PerTry", "ResponseHeaders", "Idle");

    private static bool Writes(Section section, params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
        {
            if (section.Has(key) || section.IsUnknown(key))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>A port speaks TLS or it does not, mostly on all machines of a cluster alike.</summary>
    private static void CheckSchemes(ClusterDraft cluster, FaultList faults)
    {
        var addresses = cluster.Entry.Section.Entries("Destinations")
            .Select(destination => destination.Section.Find("Address")).OfType<ScalarNode>()
            .Select(node => (Node: node, Uri: Uri.TryCreate(node.Text, UriKind.Absolute, out var uri) ? uri : null))
            .Where(address => address.Uri is not null)
            .ToList();
        var plain = addresses.Where(address => address.Uri!.Scheme == Uri.UriSchemeHttp)
            .GroupBy(address => address.Uri!.Port).ToDictionary(port => port.Key, port => port.First().Node);
        foreach (var (node, uri) in addresses.Where(address => address.Uri!.Scheme == Uri.UriSchemeHttps))
        {
            if (plain.TryGetValue(uri!.Port, out var other))
            {
                faults.Warn(
                    FaultCodes.MixedSchemes, node.Place, node.Path,
                    $"{node.Shown} is https, and {other.Shown} at {other.Place} http for the same port");
            }
        }
    }

    private static void CheckWeights(ClusterDraft cluster, FaultList faults)
    {
        var destinations = cluster.Entry.Section.Entries("Destinations").Select(destination => destination.Section).ToList();
        if (destinations.Count > 0 && destinations.All(TakesNothing) && cluster.Entry.Section.Find("Destinations") is { } map)
        {
            faults.Warn(
                FaultCodes.NoWeight, map.Place, map.Path,
                "no destination takes new requests: each has Weight 0 or a State other than Up");
        }
    }

    private static bool TakesNothing(Section destination) => !destination.IsUnknown("Weight") && !destination.IsUnknown("State")
        && (destination.Number("Weight") == 0 || destination.Choice<DestinationMode>("State") != DestinationMode.Up);

    /// <summary>Silence ends an attempt that is waited for: the longer time never runs out.</summary>
    private static void CheckIdle(Section owner, Section cluster, FaultList faults)
    {
        var timeouts = owner.Object("Timeouts");
        var isUnknown = (timeouts.Exists && timeouts.IsUnknown("Idle"))
            || (cluster.Object("HttpRequest") is { Exists: true } request && request.IsUnknown("ActivityTimeout"));
        var idle = timeouts.Has("Idle") ? timeouts.Duration("Idle") : cluster.Object("HttpRequest").Duration("ActivityTimeout");
        if (!isUnknown && timeouts.Find("PerTry") is { } perTry && timeouts.OptionalDuration("PerTry") > idle)
        {
            faults.Warn(
                FaultCodes.IdleBelowPerTry, perTry.Place, perTry.Path,
                $"it never runs out: after {DurationText.Format(idle)} of silence (Idle) the attempt ends");
        }
    }

    private static void CheckGrpc(RouteDraft route, ClusterDraft cluster, FaultList faults)
    {
        if (cluster.Config.HttpRequest?.Version is { Major: 1 } && IsGrpc(route)
            && cluster.Entry.Section.Object("HttpRequest").Find("Version") is { } version)
        {
            faults.Warn(
                FaultCodes.GrpcNeedsHttp2, version.Place, version.Path,
                $"the route \"{route.Entry.Id}\" at {route.Entry.Member.Place} looks like gRPC, which needs HTTP/2");
        }
    }

    private static bool IsGrpc(RouteDraft route) =>
        GrpcPath().IsMatch(route.Config.Match.Path ?? "")
        || (route.Config.Match.Headers ?? []).Any(header => header.Name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase)
            && (header.Values ?? []).Any(value => value.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase)
                && !value.StartsWith("application/grpc-web", StringComparison.OrdinalIgnoreCase)));

    /// <summary>`/package.Service/` and what follows.</summary>
    [GeneratedRegex(@"^/?[A-Za-z_]\w*(\.\w+)*\.[A-Z]\w*(/|\z)", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex GrpcPath();
}
