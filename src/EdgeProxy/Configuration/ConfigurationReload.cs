using System.Collections.Immutable;
using Yarp.ReverseProxy;

namespace EdgeProxy.Configuration;

/// <summary>Takes what has been read, or refuses it; either way the outcome is logged, counted and kept for the admin API.</summary>
internal sealed partial class ConfigurationReload(
    Revisions revisions,
    RevisionConfigProvider proxy,
    RetiringClusters retiring,
    IProxyStateLookup state,
    ReloadStatus status,
    TimeProvider time,
    ILogger<ConfigurationReload> logger)
{
    /// <summary>Faults of one change that go into the log; `/v1/config` has them all.</summary>
    private const int FaultsLogged = 200;

    /// <summary>Routes that are gone with one change and are named in the log.</summary>
    private const int RoutesLogged = 50;

    /// <summary>
    /// Makes the revision active. Empty: it is. Else why not, and nothing has changed. Errors that the reader found are
    /// returned as they are, so that the caller can wait for a half-written file to be completed before reporting them.
    /// </summary>
    public async Task<ImmutableArray<Fault>> ApplyAsync(ReadResult read)
    {
        if (read.Revision is not { } wanted)
        {
            return read.Faults;
        }

        if (wanted.Hash == revisions.Current.Hash)
        {
            Restore();
            return [];
        }

        var revision = StartOnlySettings.Keep(wanted, revisions.First.Edge);
        var before = revisions.Current;
        retiring.Keep(before, revision, state);
        if (await proxy.ApplyAsync(revision) is { } refusal)
        {
            retiring.Forget();
            return [ConfigurationCheck.ToFault(refusal, revision, "$.ReverseProxy")];
        }

        var gone = before.Routes.Keys.Except(revision.Routes.Keys, StringComparer.OrdinalIgnoreCase).Order(StringComparer.Ordinal).ToList();
        if (gone.Count > 0)
        {
            var more = gone.Count > RoutesLogged ? $" and {gone.Count - RoutesLogged} more" : "";
            var routes = string.Join(", ", gone.Take(RoutesLogged)) + more;
            LogRoutesGone(logger, routes);
        }

        Accept(revision, [.. read.Faults, .. ListenerTrial.Run(wanted, revisions.First.Edge)]);
        return [];
    }

    /// <summary>Reports faults that have come to stay.</summary>
    public void Refuse(ImmutableArray<Fault> faults)
    {
        status.Report(ReloadResult.Refused, new ReloadOutcome(false, time.GetUtcNow(), faults, status.Last.Warnings));
        foreach (var fault in faults.Take(FaultsLogged))
        {
            LogFault(logger, fault.Severity == FaultSeverity.Error ? LogLevel.Error : LogLevel.Warning, fault);
        }

        var errors = faults.Count(fault => fault.Severity == FaultSeverity.Error);
        LogRefused(logger, Counted.Of(errors, "error"), revisions.Current.Id);
    }

    /// <summary>The files hold the active revision (again).</summary>
    public void Restore()
    {
        if (status.Last.Success)
        {
            return;
        }

        status.Report(ReloadResult.Unchanged, new ReloadOutcome(true, time.GetUtcNow(), [], status.Last.Warnings));
        LogRestored(logger, revisions.Current.Id);
    }

    private void Accept(Revision revision, ImmutableArray<Fault> warnings)
    {
        warnings = [.. warnings, .. revision.AwaitsRestart.Select(setting => StartOnlySettings.ToWarning(setting, revision))];
        status.Report(ReloadResult.Accepted, new ReloadOutcome(true, time.GetUtcNow(), [], warnings));
        foreach (var warning in warnings)
        {
            LogFault(logger, LogLevel.Warning, warning);
        }

        var (routes, clusters) = (Counted.Of(revision.ProxyRoutes.Count, "route"), Counted.Of(revision.ProxyClusters.Count, "cluster"));
        LogAccepted(logger, revision.Id, routes, clusters);
    }

    [LoggerMessage(Message = "{Fault}")]
    private static partial void LogFault(ILogger logger, LogLevel level, Fault fault);

    [LoggerMessage(Level = LogLevel.Information, Message = "Routes that are gone with this change: {Routes}")]
    private static partial void LogRoutesGone(ILogger logger, string routes);

    [LoggerMessage(Level = LogLevel.Error, Message = "Configuration refused, {Errors}; revision {Revision} goes on serving")]
    private static partial void LogRefused(ILogger logger, string errors, string revision);

    [LoggerMessage(Level = LogLevel.Information, Message = "Revision {Revision} active: {Routes}, {Clusters}")]
    private static partial void LogAccepted(ILogger logger, string revision, string routes, string clusters);

    [LoggerMessage(Level = LogLevel.Information, Message = "The configuration is as revision {Revision} again, which is active")]
    private static partial void LogRestored(ILogger logger, string revision);
}
