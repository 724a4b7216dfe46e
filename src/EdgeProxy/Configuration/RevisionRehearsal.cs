using System.Collections.Immutable;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

/// <summary>
/// Asks YARP and routing whether they would take a revision, before it is offered to them. The reader refuses what is known to
/// fail, with its line; what slips through is a fault here, and never a half-applied change.
/// </summary>
internal sealed class RevisionRehearsal(IConfigValidator validator)
{
    public async Task<ImmutableArray<Fault>> RunAsync(Revision revision)
    {
        var faults = ImmutableArray.CreateBuilder<Fault>();
        foreach (var route in revision.ProxyRoutes)
        {
            Add("Routes." + route.RouteId, await validator.ValidateRouteAsync(route));
        }

        foreach (var cluster in revision.ProxyClusters)
        {
            Add("Clusters." + cluster.ClusterId, await validator.ValidateClusterAsync(cluster));
        }

        return faults.Count > 0 ? faults.ToImmutable() : await RouteAsync(revision);

        void Add(string path, IEnumerable<Exception> refusals) =>
            faults.AddRange(refusals.Select(refusal => ToFault(refusal, revision, "$.ReverseProxy." + path)));
    }

    /// <summary>What has been read, unless routing refuses it: what `check` judges by, and what `run` starts from.</summary>
    public static async Task<ReadResult> ConfirmAsync(ReadResult read) =>
        read.Revision is { } revision && await RouteAsync(revision) is { IsEmpty: false } refused
            ? new ReadResult(null, [.. read.Faults, .. refused])
            : read;

    /// <summary>The part that needs no YARP.</summary>
    private static async Task<ImmutableArray<Fault>> RouteAsync(Revision revision)
    {
        return await RouteTable.TryBuildAsync(revision.ProxyRoutes) is { } refusal
            ? [ToFault(refusal, revision, "$.ReverseProxy.Routes")]
            : [];
    }

    public static Fault ToFault(Exception refusal, Revision revision, string path) => new(
        FaultSeverity.Error, FaultCodes.RefusedByProxy, FileOf(revision), 1, 1, path,
        refusal.GetBaseException().Message.ReplaceLineEndings(" "));

    private static string FileOf(Revision revision) => revision.Files.FirstOrDefault() ?? "";
}
