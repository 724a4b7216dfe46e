using System.Diagnostics.Metrics;
using EdgeProxy.Configuration;
using EdgeProxy.Metrics;
using EdgeProxy.Resilience;
using Microsoft.Extensions.Hosting;
using Yarp.ReverseProxy;

namespace EdgeProxy.Health;

/// <summary>Destinations by state, read when asked: what a reload has removed is gone from the next reading.</summary>
internal sealed class HealthMetrics(IMeterFactory meters, IProxyStateLookup state) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        var meter = meters.CreateEdgeMeter();
        meter.CreateObservableGauge("edgeproxy_destinations", CountByState, description: "Destinations by state.");
        meter.CreateObservableGauge("edgeproxy_destination_up", ReadUp, description: "1 while the destination gets requests, else 0.");
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private IEnumerable<Measurement<int>> CountByState()
    {
        foreach (var cluster in state.GetClusters())
        {
            var counts = new int[DestinationStatus.All.Count];
            foreach (var destination in cluster.Destinations())
            {
                counts[(int)DestinationStatus.Of(destination)]++;
            }

            for (var i = 0; i < counts.Length; i++)
            {
                yield return new(counts[i], new("cluster", cluster.ClusterId), new("state", DestinationStatus.All[i]));
            }
        }
    }

    private IEnumerable<Measurement<int>> ReadUp()
    {
        foreach (var cluster in state.GetClusters())
        {
            var available = cluster.DestinationsState.AvailableDestinations;
            foreach (var destination in cluster.Destinations())
            {
                var up = destination.Any(available.Contains) ? 1 : 0;
                yield return new(up, new("cluster", cluster.ClusterId), new("destination", destination.Key));
            }
        }
    }
}
