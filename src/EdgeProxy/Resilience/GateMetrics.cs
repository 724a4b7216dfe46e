using System.Diagnostics.Metrics;
using EdgeProxy.Configuration;
using EdgeProxy.Metrics;
using EdgeProxy.Shedding;
using Microsoft.Extensions.Hosting;
using Yarp.ReverseProxy;

namespace EdgeProxy.Resilience;

/// <summary>How full the gates of routes and clusters are, read when asked.</summary>
internal sealed class GateMetrics(IMeterFactory meters, IProxyStateLookup clusters, RouteGates routes, Revisions revisions) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        var meter = meters.CreateEdgeMeter();
        meter.CreateObservableGauge(
            "edgeproxy_concurrency_in_use", () => Read(static gate => gate.Inside),
            description: "Requests, streams and WebSockets that count against a `Concurrency`.");
        meter.CreateObservableGauge(
            "edgeproxy_concurrency_max", () => Read(static gate => gate.Bounds.Max ?? double.PositiveInfinity),
            description: "As many as `Concurrency.Max` allows at once.");
        meter.CreateObservableGauge(
            "edgeproxy_queue_depth", () => Read(static gate => gate.Waiting), description: "Requests that wait at a `Concurrency`.");
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private IEnumerable<Measurement<double>> Read(Func<Gate, double> value)
    {
        foreach (var route in revisions.Current.Routes.Values)
        {
            if (route.Concurrency is not null && routes.Find(route.RouteId) is { } gate)
            {
                yield return new(value(gate), new("scope", "route"), new("id", route.RouteId));
            }
        }

        foreach (var cluster in clusters.GetClusters())
        {
            if (ClusterRuntime.Of(cluster).Gate is { } gate)
            {
                yield return new(value(gate), new("scope", "cluster"), new("id", cluster.ClusterId));
            }
        }
    }
}
