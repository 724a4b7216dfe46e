using System.Collections.Immutable;
using System.Text.Json;

namespace EdgeProxy.Configuration;

/// <summary>
/// What applies at the next start only: `Edge.Name`, `Listen`, `Admin`, `Store` and `Requests`. A reload that changes them is
/// taken with the running values in their place. Certificates are the exception: those of an unchanged listener are taken.
/// </summary>
internal static class StartOnlySettings
{
    /// <summary><paramref name="read"/> with the values of <paramref name="running"/> where only a start can change them.</summary>
    public static Revision Keep(Revision read, EdgeOptions running)
    {
        var wanted = read.Edge;
        var awaiting = ImmutableArray.CreateBuilder<string>();
        Compare("Edge.Name", wanted.Name, running.Name);
        Compare("Edge.Listen", WithoutCertificates(wanted.Listen), WithoutCertificates(running.Listen));
        Compare("Edge.Admin", wanted.Admin, running.Admin);
        Compare("Edge.Store", wanted.Store, running.Store);
        Compare("Edge.Requests", wanted.Requests, running.Requests);
        return read with
        {
            AwaitsRestart = awaiting.ToImmutable(),
            Edge = wanted with
            {
                Name = running.Name,
                Listen = awaiting.Contains("Edge.Listen") ? running.Listen : wanted.Listen,
                Admin = running.Admin,
                Store = running.Store,
                Requests = running.Requests,
            },
        };

        // By value, lists included, which record equality would compare by reference.
        void Compare<T>(string name, T now, T then)
        {
            if (JsonSerializer.Serialize(now) != JsonSerializer.Serialize(then))
            {
                awaiting.Add(name);
            }
        }
    }

    /// <summary>The warning that a reload gives for each setting that awaits a restart.</summary>
    public static Fault ToWarning(string setting, string file) => new(
        FaultSeverity.Warning, "restart_required", file, 1, 1, "$." + setting, "the change applies at the next start");

    private static ListenerOptions[] WithoutCertificates(ImmutableArray<ListenerOptions> listeners) =>
        [.. listeners.Select(listener => listener with { Certificates = [] })];
}
