using System.Diagnostics.Metrics;
using EdgeProxy.Configuration;
using EdgeProxy.Metrics;
using Microsoft.Extensions.Hosting;
using Yarp.ReverseProxy;

namespace EdgeProxy.Resilience;

/// <summary>States of breakers and attempts at destinations, read when asked, and how often breakers changed.</summary>
internal sealed class BreakerMetrics(IMeterFactory meters, IServiceProvider services) : IHostedService
{
    private readonly Counter<long> _transitions = meters.CreateEdgeMeter()
        .CreateCounter<long>("edgeproxy_breaker_transitions_total", description: "Changes of a breaker's state.");

    public Task StartAsync(CancellationToken cancellationToken)
    {
        var meter = meters.CreateEdgeMeter();
        meter.CreateObservableGauge(
            "edgeproxy_breaker_state", Read, description: "0 closed, 1 open, 2 half-open, 3 recovering.");
        meter.CreateObservableGauge(
            "edgeproxy_panic", ReadPanic, description: "1 while destinations get requests that something speaks against, else 0.");
        meter.CreateObservableCounter(
            "edgeproxy_destination_attempts_total", ReadAttempts, description: "Attempts at each destination by outcome.");
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <param name="destination">Empty: the cluster's own.</param>
    public void Changed(string cluster, string destination) =>
        _transitions.Add(1, new("cluster", cluster), new("destination", destination));

    private IEnumerable<Measurement<int>> Read()
    {
        foreach (var cluster in services.GetRequiredService<IProxyStateLookup>().GetClusters())
        {
            yield return Of(ClusterRuntime.Of(cluster).Circuit, cluster.ClusterId, "");
            foreach (var destination in cluster.Destinations())
            {
                var best = destination.Select(one => DestinationRuntime.Of(one).Circuit).MinBy(Badness)!;
                yield return Of(best, cluster.ClusterId, destination.Key);
            }
        }
    }

    private IEnumerable<Measurement<int>> ReadPanic()
    {
        foreach (var cluster in services.GetRequiredService<IProxyStateLookup>().GetClusters())
        {
            var panics = ClusterRuntime.Of(cluster).IsPanicking;
            yield return new(panics ? 1 : 0, new KeyValuePair<string, object?>("cluster", cluster.ClusterId));
        }
    }

    /// <summary>A destination with several endpoints is as well as the best of them.</summary>
    private static int Badness(Circuit circuit) => circuit.Breaker.State switch
    {
        BreakerState.Closed => 0,
        BreakerState.Recovering => 1,
        BreakerState.HalfOpen => 2,
        _ => 3,
    };

    private IEnumerable<Measurement<long>> ReadAttempts()
    {
        foreach (var cluster in services.GetRequiredService<IProxyStateLookup>().GetClusters())
        {
            foreach (var destination in cluster.Destinations())
            {
                var runtime = DestinationRuntime.Of(destination.First()); // its endpoints count together
                for (var i = 0; i < AttemptOutcome.All.Count; i++)
                {
                    yield return new(
                        runtime.AttemptsOf(i),
                        new("cluster", cluster.ClusterId), new("destination", destination.Key), new("outcome", AttemptOutcome.All[i]));
                }
            }
        }
    }

    private static Measurement<int> Of(Circuit circuit, string cluster, string destination) =>
        new((int)circuit.Breaker.State, new("cluster", cluster), new("destination", destination));
}
