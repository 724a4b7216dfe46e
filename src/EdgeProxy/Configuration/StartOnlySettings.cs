using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;

namespace EdgeProxy.Configuration;

/// <summary>
/// What applies at the next start only: `Edge.Name`, `Listen`, `Admin`, `Store`, `Requests`, `Connections` and
/// `AccessLog.Path`. A reload that changes them is taken with the running values in their place. Certificates are the exception: those of
/// an unchanged listener are taken.
/// </summary>
internal static class StartOnlySettings
{
    private const string Prefix = "Edge.";
    private const string Name = Prefix + "Name";
    public const string Listen = Prefix + "Listen";
    public const string Admin = Prefix + "Admin";
    private const string Store = Prefix + "Store";
    private const string Requests = Prefix + "Requests";
    private const string Connections = Prefix + "Connections";
    public const string LogPath = Prefix + "AccessLog.Path";

    /// <summary><paramref name="read"/> with the values of <paramref name="running"/> where only a start can change them.</summary>
    public static Revision Keep(Revision read, EdgeOptions running)
    {
        var wanted = read.Edge;
        var awaiting = ImmutableArray.CreateBuilder<string>();
        Compare(Name, wanted.Name, running.Name);
        Compare(Listen, WithoutCertificates(wanted.Listen), WithoutCertificates(running.Listen));
        Compare(Admin, wanted.Admin, running.Admin);
        Compare(Store, wanted.Store, running.Store);
        Compare(Requests, wanted.Requests, running.Requests);
        Compare(Connections, wanted.Connections, running.Connections);
        Compare(LogPath, wanted.AccessLog.Path, running.AccessLog.Path);
        return read with
        {
            AwaitsRestart = awaiting.ToImmutable(),
            Edge = wanted with
            {
                Name = running.Name,
                Listen = awaiting.Contains(Listen) ? running.Listen : wanted.Listen,
                Admin = running.Admin,
                Store = running.Store,
                Requests = running.Requests,
                Connections = running.Connections,
                AccessLog = wanted.AccessLog with { Path = running.AccessLog.Path },
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

    /// <summary>Where each of the settings stands, as far as the document has it.</summary>
    public static FrozenDictionary<string, Place> PlacesIn(Section edge) =>
        new[] { Name, Listen, Admin, Store, Requests, Connections }
            .Select(setting => (Setting: setting, Member: edge.Node?.Find(setting[Prefix.Length..])))
            .Append((Setting: LogPath, Member: edge.Object("AccessLog").Node?.Find("Path")))
            .Where(found => found.Member is not null)
            .ToFrozenDictionary(found => found.Setting, found => found.Member!.Place);

    /// <summary>The warning that a reload gives for a setting that awaits a restart: where it stands, or did.</summary>
    public static Fault ToWarning(string setting, Revision revision)
    {
        var place = PlaceOf(setting, revision);
        return new Fault(
            FaultSeverity.Warning, FaultCodes.RestartRequired, place.File, place.Line, place.Column, "$." + setting,
            "the change applies at the next start");
    }

    /// <summary>Where a setting stands, or would.</summary>
    public static Place PlaceOf(string setting, Revision revision) =>
        revision.EdgePlaces.GetValueOrDefault(setting, new Place(revision.Files.FirstOrDefault() ?? "", 1, 1));

    private static ListenerOptions[] WithoutCertificates(ImmutableArray<ListenerOptions> listeners) =>
        [.. listeners.Select(listener => listener with { Certificates = [] })];
}
