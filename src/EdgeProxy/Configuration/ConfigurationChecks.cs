using EdgeProxy.Clients;

namespace EdgeProxy.Configuration;

/// <summary>What must hold between the values of a configuration. One line a topic.</summary>
internal static class ConfigurationChecks
{
    public static void Check(Draft draft, FaultList faults)
    {
        ClientSection.Check(draft.Root.Object("Clients"), faults);
        ReferenceChecks.Check(draft, faults);
    }
}
