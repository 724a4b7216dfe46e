using System.Net;

namespace EdgeProxy.Configuration;

/// <summary>What must hold between listeners, and between them and destinations.</summary>
internal static class ListenerChecks
{
    public static void Check(Draft draft, FaultList faults)
    {
        var edge = draft.Root.Object("Edge");
        var listeners = new List<(IPEndPoint EndPoint, Place? Place)>();
        foreach (var url in edge.Items("Listen").Select(listener => listener.Find("Url")).OfType<ScalarNode>())
        {
            Add(url, listeners, faults);
        }

        if (!edge.Has("Listen"))
        {
            listeners.AddRange(draft.Edge.Listen.Select(listener => (EndPointOf(listener.Url)!, (Place?)null)));
        }

        var admin = edge.Object("Admin").Find("Listen") is ScalarNode own ? Add(own, listeners, faults)
            : edge.Object("Admin").IsUnknown("Listen") ? null
            : EndPointOf(draft.Edge.Admin.Listen);
        foreach (var (address, uri) in draft.Clusters.SelectMany(AddressesOf))
        {
            CheckDestination(address, uri, admin, listeners, faults);
        }
    }

    private static IPEndPoint? Add(ScalarNode url, List<(IPEndPoint EndPoint, Place? Place)> listeners, FaultList faults)
    {
        if (EndPointOf(url.Text) is not { } endpoint)
        {
            return null; // which has been said
        }

        if (listeners.Find(other => ListenAddresses.Overlap(endpoint, other.EndPoint)) is { EndPoint: not null } taken)
        {
            faults.Error(
                FaultCodes.DuplicateValue, url,
                $"port {endpoint.Port} is taken by the listener at {taken.Place}"
                + (taken.EndPoint.Equals(endpoint) ? "" : $", whose address {taken.EndPoint.Address} overlaps {endpoint.Address}"));
        }

        listeners.Add((endpoint, url.Place));
        return endpoint;
    }

    private static void CheckDestination(
        ScalarNode address, Uri uri, IPEndPoint? admin, List<(IPEndPoint EndPoint, Place? Place)> listeners, FaultList faults)
    {
        if (admin is not null && ListenAddresses.LeadsTo(uri, admin))
        {
            faults.Error(
                FaultCodes.AdminDestination, address,
                $"{address.Shown} is the edge's own admin listener: whoever may use a route would be its administrator");
        }
        else if (listeners.Find(listener => ListenAddresses.LeadsTo(uri, listener.EndPoint)) is { EndPoint: not null } own)
        {
            var place = own.Place is { } at ? $"at {at}" : "that there is by default";
            faults.Error(
                FaultCodes.OwnListener, address, $"{address.Shown} is the edge's own listener {place}: requests would go in a circle");
        }
    }

    private static IEnumerable<(ScalarNode Node, Uri Uri)> AddressesOf(ClusterDraft cluster)
    {
        var section = cluster.Entry.Section;
        return section.Entries("Destinations")
            .SelectMany(destination => new[] { destination.Section.Find("Address"), destination.Section.Find("Health") })
            .Append(section.Object("HttpClient").Object("WebProxy").Find("Address"))
            .OfType<ScalarNode>()
            .Select(node => (node, Uri.TryCreate(node.Text, UriKind.Absolute, out var uri) ? uri : null))
            .Where(found => found.Item2 is { Host.Length: > 0 })
            .Select(found => (found.node, found.Item2!));
    }

    private static IPEndPoint? EndPointOf(string url) =>
        AddressText.FaultOfListener(url, out var address) is null ? ListenAddresses.EndPointOf(address!) : null;
}
