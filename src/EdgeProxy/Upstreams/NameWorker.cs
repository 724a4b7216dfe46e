using EdgeProxy.Configuration;
using Microsoft.Extensions.Hosting;

namespace EdgeProxy.Upstreams;

/// <summary>Has the names of destinations looked up again, as long as the process runs.</summary>
internal sealed class NameWorker(NameTable names, Revisions revisions, TimeProvider time) : BackgroundService
{
    /// <summary>How often it is looked for what is due.</summary>
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        (Revision? Current, Revision? Offered) seen = default;
        HashSet<NameKey> inUse = [];
        using var timer = new PeriodicTimer(Step, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var (current, offered) = (revisions.Current, revisions.Offered);
            if (seen != (current, offered))
            {
                inUse = [.. NamesOf(current), .. NamesOf(offered)];
                seen = (current, offered);
            }

            names.Refresh(inUse, current.Edge.Names.Refresh);
        }
    }

    private static IEnumerable<NameKey> NamesOf(Revision revision) => revision.ProxyClusters
        .SelectMany(cluster => cluster.Destinations?.Values ?? [])
        .Select(destination => NameKey.Of(destination.Address))
        .OfType<NameKey>();
}
