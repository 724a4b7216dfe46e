using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

/// <summary>YARP's source of routes and clusters: always a whole, checked revision.</summary>
internal sealed class RevisionConfigProvider : IProxyConfigProvider
{
    private volatile RevisionConfig _config;

    public RevisionConfigProvider(Revisions revisions) => _config = new RevisionConfig(revisions.Offered);

    public IProxyConfig GetConfig() => _config;

    /// <summary>Makes YARP apply <paramref name="revision"/>. Returns when YARP has taken or refused it.</summary>
    public void Apply(Revision revision)
    {
        var previous = _config;
        _config = new RevisionConfig(revision);
        previous.SignalChange();
    }

    [SuppressMessage("Design", "CA1001", Justification = "A source without a timer holds nothing to release.")]
    private sealed class RevisionConfig : IProxyConfig
    {
        private readonly CancellationTokenSource _changed = new();

        public RevisionConfig(Revision revision)
        {
            RevisionId = revision.Id;
            Routes = revision.ProxyRoutes;
            Clusters = revision.ProxyClusters;
            ChangeToken = new CancellationChangeToken(_changed.Token);
        }

        public string RevisionId { get; }

        public IReadOnlyList<RouteConfig> Routes { get; }

        public IReadOnlyList<ClusterConfig> Clusters { get; }

        public IChangeToken ChangeToken { get; }

        public void SignalChange() => _changed.Cancel();
    }
}
