using EdgeProxy.Clients;
using EdgeProxy.RateLimiting;

namespace EdgeProxy.Configuration;

/// <summary>What must hold in and between the values of a configuration. One line a topic.</summary>
internal static class ConfigurationChecks
{
    public static void Check(Draft draft, FaultList faults, bool looksAtFiles)
    {
        EdgeChecks.Check(draft, faults, looksAtFiles);
        ListenerChecks.Check(draft, faults);
        ClientSection.Check(draft.Root.Object("Clients"), faults);
        RateLimitChecks.Check(draft, faults);
        ClusterChecks.Check(draft, faults);
        RouteChecks.Check(draft, faults);
        FallbackChecks.Check(draft, faults);
        TimeoutSection.Check(draft, faults);
        HedgeSection.Check(draft, faults);
        GrpcChecks.Check(draft, faults);
        ReferenceChecks.Check(draft, faults);
        RouteTableSize.Check(draft, faults);
        RouteOverlap.Check(draft, faults);
        RouteShadow.Check(draft, faults);
        var reaches = RouteReach.Of(draft, faults);
        RoutePrecedence.Check(reaches, faults);
        PathBypass.Check(reaches, faults);
        TransformChecks.Check(draft, faults);
        ClusterWarnings.Check(draft, faults);
        ProxyChecks.Check(draft, faults); // last: it has a word only where nothing else has
    }
}
