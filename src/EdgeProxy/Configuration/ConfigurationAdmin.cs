using System.Collections.Immutable;
using System.Text.Json.Nodes;
using EdgeProxy.Errors;
using EdgeProxy.Shedding;

namespace EdgeProxy.Configuration;

/// <summary>Admin routes of the configuration: what is active, what was refused, and whether a document would be taken.</summary>
internal static class ConfigurationAdmin
{
    public static void MapConfiguration(this RouteGroupBuilder v1, IServiceProvider edge)
    {
        var revisions = edge.GetRequiredService<Revisions>();
        var gates = edge.GetRequiredService<RouteGates>();
        var status = edge.GetRequiredService<ReloadStatus>();
        var check = new DocumentCheck(edge.GetRequiredService<TimeProvider>());
        v1.MapGet("/config", () => ToAnswer(revisions.Current, status))
            .WithSummary("The active revision, and the faults of the last change if it was refused.");
        v1.MapGet("/routes", () => RoutesOf(revisions.Current, gates))
            .Produces<List<RouteView>>()
            .WithSummary("Routes in effect, with their defaults filled in.");
        v1.MapPost("/config/check", (Delegate)((HttpContext context) => CheckAsync(context, check)))
            .Accepts<string>("application/json", "*/*") // whatever the client calls it
            .Produces<CheckAnswer>()
            .WithSummary("Checks the configuration document in the body. Nothing is applied; no file and no variable is looked at.");
    }

    private static List<JsonNode> RoutesOf(Revision active, RouteGates gates) =>
    [
        .. active.ProxyRoutes.OrderBy(route => route.RouteId, StringComparer.Ordinal).Select(route => Show(
            RouteView.Of(route, active.Routes[route.RouteId], gates.Find(route.RouteId)), active)),
    ];

    /// <summary>As written where variables are, and so are the timeouts that a route has from its cluster.</summary>
    private static JsonNode Show(RouteView view, Revision active)
    {
        var cluster = active.WrittenInClusters.GetValueOrDefault(active.Routes[view.Id].ClusterId, WrittenValues.None);
        return active.WrittenInRoutes.GetValueOrDefault(view.Id, WrittenValues.None).Over(cluster.OfTimeouts().Show(view));
    }

    private static ConfigurationAnswer ToAnswer(Revision active, ReloadStatus status)
    {
        var last = status.Last;
        return new ConfigurationAnswer(
            new ActiveRevision(active.Id, active.Hash, active.LoadedAt, active.Files),
            new LastReload(last.Success, last.At, ToAnswers(last.Faults), ToAnswers(last.Warnings)),
            active.AwaitsRestart,
            status.StateWarning,
            status.CertificateWarning,
            status.IgnoredFiles);
    }

    private static async Task<IResult> CheckAsync(HttpContext context, DocumentCheck check)
    {
        var (refusal, faults) = await check.RunAsync(context.Request.Body, context.RequestAborted);
        if (refusal is not null)
        {
            context.Fail(refusal, retryAfterSeconds: refusal == EdgeErrors.Overloaded ? 1 : null);
            return Results.Empty;
        }

        return Results.Json(new CheckAnswer(faults.All(fault => fault.Severity != FaultSeverity.Error), ToAnswers(faults)));
    }

    private static ImmutableArray<FaultAnswer> ToAnswers(ImmutableArray<Fault> faults) =>
    [
        .. faults.Select(fault => new FaultAnswer(
            fault.Severity == FaultSeverity.Error ? "error" : "warning",
            fault.Code, fault.File, fault.Line, fault.Column, fault.Path, fault.Message, fault.Suggestion)),
    ];
}

/// <summary>Answer of `GET /v1/config`.</summary>
/// <param name="Revision">What is being served.</param>
/// <param name="LastReload">What became of the last change of the files.</param>
/// <param name="RestartRequired">Settings that the files change but that apply at the next start only.</param>
/// <param name="StateWarning">Why the last good revision is not being kept on disk; null when it is.</param>
/// <param name="CertificateWarning">Why certificates that were renewed are not in use; null when all that the files hold are.</param>
/// <param name="IgnoredFiles">What lies beside the files, looks like configuration and is not read.</param>
internal sealed record ConfigurationAnswer(
    ActiveRevision Revision,
    LastReload LastReload,
    ImmutableArray<string> RestartRequired,
    string? StateWarning,
    string? CertificateWarning,
    IReadOnlyList<string> IgnoredFiles);

internal sealed record ActiveRevision(string Id, string Hash, DateTimeOffset LoadedAt, ImmutableArray<string> Files);

internal sealed record LastReload(
    bool Success, DateTimeOffset At, ImmutableArray<FaultAnswer> Faults, ImmutableArray<FaultAnswer> Warnings);

/// <summary>Answer of `POST /v1/config/check`.</summary>
internal sealed record CheckAnswer(bool Valid, ImmutableArray<FaultAnswer> Faults);

internal sealed record FaultAnswer(
    string Severity, string Code, string File, int Line, int Column, string Path, string Message, string? Suggestion);
