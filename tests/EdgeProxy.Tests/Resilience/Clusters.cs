using System.Collections.Frozen;
using EdgeProxy.Configuration;
using EdgeProxy.Resilience;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Tests.Resilience;

/// <summary>Clusters without a network.</summary>
internal static class Clusters
{
    private static readonly ClusterModel Model = new(
        new ClusterConfig { ClusterId = "c" }, new HttpMessageInvoker(new SocketsHttpHandler()));

    /// <summary>A cluster of destinations `d0`, `d1`, … with these weights.</summary>
    public static (ClusterState Cluster, IReadOnlyList<DestinationState> Destinations) Weighing(params int[] weights) =>
        Of([.. weights.Select(weight => new DestinationSettings { Weight = weight })]);

    public static (ClusterState Cluster, IReadOnlyList<DestinationState> Destinations) Of(
        DestinationSettings[] destinations, ClusterSettings? settings = null)
    {
        var cluster = new ClusterState("c", Model);
        var all = new List<DestinationState>();
        for (var i = 0; i < destinations.Length; i++)
        {
            var destination = new DestinationState($"d{i}", new DestinationModel(new DestinationConfig { Address = $"http://d{i}/" }));
            cluster.Destinations[destination.DestinationId] = destination;
            all.Add(destination);
        }

        cluster.DestinationsState = new ClusterDestinationsState(all, all);
        var byId = destinations.Index().ToFrozenDictionary(d => $"d{d.Index}", d => d.Item, StringComparer.OrdinalIgnoreCase);
        ClusterRuntime.Of(cluster).Apply(cluster, (settings ?? new ClusterSettings { ClusterId = "c" }) with { Destinations = byId });
        return (cluster, all);
    }
}
