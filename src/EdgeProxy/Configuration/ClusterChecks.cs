using System.Globalization;
using EdgeProxy.Health;

namespace EdgeProxy.Configuration;

/// <summary>What must hold in a cluster beyond types and ranges.</summary>
internal static class ClusterChecks
{
    // Numbers that YARP's policies read from a cluster's metadata and pass over in silence when they are none.
    private static readonly (string Key, double Min, double Max)[] Numbers =
    [
        ("ConsecutiveFailuresHealthPolicy.Threshold", 1, int.MaxValue),
        ("TransportFailureRateHealthPolicy.RateLimit", 0, 1),
    ];

    public static void Check(Draft draft, FaultList faults)
    {
        foreach (var cluster in draft.Clusters)
        {
            CheckDestinations(cluster, faults);
            var section = cluster.Entry.Section;
            CheckAddress(section.Object("HttpClient").Object("WebProxy").Find("Address") as ScalarNode, faults);
            CheckAffinity(section.Object("SessionAffinity"), faults);
            CheckNumbers(section, faults);
            CheckFailureRate(section, faults);
            CheckOpenTimes(section.Object("CircuitBreaker"), "OpenFor", "OpenForMax", faults);
            CheckOpenTimes(section.Object("Ejection"), "Base", "Max", faults);
            ConcurrencySection.Check(section, faults);
            CheckPanic(section, faults);
            CheckTimeouts(section, faults);
            CheckHash(section, faults);
            if (cluster.Config.HttpClient?.DangerousAcceptAnyServerCertificate == true
                && section.Object("HttpClient").Find("DangerousAcceptAnyServerCertificate") is { } trust)
            {
                faults.Warn(FaultCodes.UnverifiedUpstream, trust.Place, trust.Path, "anybody on the way can pose as a destination");
            }
        }
    }

    private static void CheckDestinations(ClusterDraft cluster, FaultList faults)
    {
        var section = cluster.Entry.Section;
        if (section.Find("Destinations") is ObjectNode { Members.Count: 0 } none)
        {
            faults.Error(FaultCodes.NoDestinations, none, "the cluster has no destination");
        }

        foreach (var (_, destination) in section.Entries("Destinations"))
        {
            CheckAddress(destination.Find("Address") as ScalarNode, faults);
            CheckAddress(destination.Find("Health") as ScalarNode, faults);
            if (destination.Find("Host") is ScalarNode host && AddressText.FaultOfHostField(host.Text) is { } fault)
            {
                faults.Error(
                    FaultCodes.InvalidHost, host,
                    $"{host.Shown} {fault}", host.IsExpanded ? null : AddressText.SuggestHost(host.Text));
            }
        }
    }

    private static void CheckAddress(ScalarNode? address, FaultList faults)
    {
        if (address is not null && AddressText.FaultOfDestination(address.Text) is { } fault)
        {
            faults.Error(
                FaultCodes.InvalidAddress, address, $"{address.Shown} {fault}",
                address.IsExpanded ? null : AddressText.SuggestDestination(address.Text));
        }
    }

    private static void CheckAffinity(Section affinity, FaultList faults)
    {
        if (affinity.Switch("Enabled") && affinity.Node!.Find("AffinityKeyName") is null or { Value: ScalarNode { IsNull: true } })
        {
            faults.Error(FaultCodes.MissingKey, affinity.Node!.Place, affinity.Node.Path, "the key \"AffinityKeyName\" is missing");
        }
    }

    private static void CheckFailureRate(Section cluster, FaultList faults)
    {
        foreach (var (name, node) in (cluster.Find("Metadata") as ObjectNode)?.Members.Select(m => (m.Name, m.Value)) ?? [])
        {
            if (node is ScalarNode { IsFaulty: false } value && FailureRateOptions.Demand(name, value.Text) is { } demand)
            {
                faults.Error(FaultCodes.OutOfRange, value, $"{value.Shown} is not {demand}");
            }
        }
    }

    private static void CheckOpenTimes(Section section, string first, string most, FaultList faults)
    {
        if (!section.IsUnknown(first) && !section.IsUnknown(most) && section.Duration(first) > section.Duration(most)
            && (section.Find(first) ?? section.Find(most)) is { } node)
        {
            faults.Error(FaultCodes.OutOfRange, node, $"{first} is longer than {most}");
        }
    }

    private static void CheckTimeouts(Section cluster, FaultList faults)
    {
        var timeouts = cluster.Object("Timeouts");
        if (timeouts.Find("Idle") is { } idle && cluster.Object("HttpRequest").Find("ActivityTimeout") is not null)
        {
            faults.Error(
                FaultCodes.ConflictingKeys, idle, "HttpRequest.ActivityTimeout and Timeouts.Idle are both set; they say the same thing");
        }
    }

    private static void CheckHash(Section cluster, FaultList faults)
    {
        if (cluster.Find("HashBy") is { } key
            && !cluster.IsUnknown("LoadBalancingPolicy") && cluster.Text("LoadBalancingPolicy") != "ConsistentHash")
        {
            faults.Error(FaultCodes.ConflictingKeys, key, "HashBy says nothing unless LoadBalancingPolicy is ConsistentHash");
        }
    }

    private static void CheckPanic(Section cluster, FaultList faults)
    {
        if (cluster.Find("PanicThreshold") is { } threshold
            && cluster.Object("HealthCheck").Text("AvailableDestinationsPolicy") == "HealthyOrPanic")
        {
            faults.Error(
                FaultCodes.ConflictingKeys, threshold,
                "PanicThreshold and AvailableDestinationsPolicy HealthyOrPanic say the same thing twice");
        }
    }

    private static void CheckNumbers(Section cluster, FaultList faults)
    {
        foreach (var (key, min, max) in Numbers)
        {
            if ((cluster.Find("Metadata") as ObjectNode)?.Find(key)?.Value is ScalarNode { IsFaulty: false } number
                && !(double.TryParse(number.Text, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max))
            {
                faults.Error(
                    FaultCodes.OutOfRange, number,
                    string.Create(CultureInfo.InvariantCulture, $"{number.Shown} is not a number from {min} to {max}"));
            }
        }
    }
}
