namespace EdgeProxy.Configuration;

/// <summary>Gives a request that has matched a route of the revision before this one the clusters of that revision.</summary>
internal sealed class RetiringClustersMiddleware(RequestDelegate next, RetiringClusters retiring)
{
    public Task Invoke(HttpContext context)
    {
        if (context.GetReverseProxyFeature().Route.Cluster is { } cluster
            && retiring.Find(context.Edge().Revision, cluster.ClusterId) is { } kept)
        {
            context.ReassignProxyRequest(kept);
        }

        return next(context);
    }
}
