using EdgeProxy.Configuration;
using EdgeProxy.Yarp;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>Turns a request to another cluster than its route's: that one's destinations, breakers and connections.</summary>
internal sealed class OtherCluster(
    IProxyStateLookup proxies, RetiringClusters retiring, Balancer balancer, Breakers breakers, Attempts attempts)
{
    /// <summary>The cluster as the request's revision knows it.</summary>
    public ClusterState? Find(HttpContext client, string id) =>
        retiring.Find(client.Edge().Revision, id) ?? (proxies.TryGetCluster(id, out var cluster) ? cluster : null);

    /// <summary>An attempt that begins now could end within the request's time.</summary>
    public bool HasTime(HttpContext client) => attempts.Left(client) is not { } left || left >= RetryDecision.Least;

    /// <summary>A pass for an attempt there; none when there can be no attempt.</summary>
    /// <param name="hasBody">The request has a body that could not be sent again.</param>
    public AttemptPass Enter(HttpContext client, ClusterState cluster, bool hasBody) =>
        balancer.Choose(PickContext.Of(client, cluster, hasBody), cluster.DestinationsState.AvailableDestinations, out _);

    /// <summary>Makes the cluster the request's own, before anything was sent. Sessions are bound to the route's cluster alone.</summary>
    public static void Assign(HttpContext client, ClusterState cluster)
    {
        var proxy = client.GetReverseProxyFeature();
        var model = cluster.Model.Config.SessionAffinity is null
            ? cluster.Model
            : new ClusterModel(cluster.Model.Config with { SessionAffinity = null }, cluster.Model.HttpClient);
        client.Features.Set<IReverseProxyFeature>(new ReverseProxyFeature
        {
            Route = new RouteModel(proxy.Route.Config, cluster, proxy.Route.Transformer),
            Cluster = model,
            AllDestinations = cluster.DestinationsState.AllDestinations,
            AvailableDestinations = cluster.DestinationsState.AvailableDestinations,
        });
    }

    /// <summary>Turns a request that was made for another destination to that of <paramref name="pass"/>, and sends it.</summary>
    /// <param name="body">The body, when it has to be sent again.</param>
    public static Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, HttpContext client, AttemptPass pass, ReplayBody? body, CancellationToken cancellation)
    {
        var edge = client.Edge();
        var (cluster, destination) = (pass.Cluster!, pass.Destination!);
        request.Redirect(edge.Attempt.Destination!.Model.Config, destination.Model.Config);
        var config = cluster.Model.Config.HttpRequest;
        request.Version = config?.Version ?? System.Net.HttpVersion.Version20;
        request.VersionPolicy = config?.VersionPolicy ?? HttpVersionPolicy.RequestVersionOrLower;
        Assign(client, cluster);
        client.GetReverseProxyFeature().ProxiedDestination = destination;
        edge.Attempt = pass;
        edge.SentTo = destination.Model.Config.Address;
        body?.Use(request, client);
        return cluster.Model.HttpClient.SendAsync(request, cancellation);
    }

    /// <summary>The attempt has failed, or its answer is not wanted.</summary>
    public void Leave(AttemptPass pass) => breakers.LeaveEarly(pass);
}
