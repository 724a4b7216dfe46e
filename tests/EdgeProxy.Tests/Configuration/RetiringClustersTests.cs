using System.Diagnostics.CodeAnalysis;
using EdgeProxy.Configuration;
using Xunit;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Tests.Configuration;

public sealed class RetiringClustersTests
{
    private readonly OneTimer _time = new();
    private readonly Revision _old = Configurations.Read(Configurations.Document()).Revision!;
    private readonly Revision _new = Configurations.Read(Configurations.Document(cluster: "\"Metadata\": { \"a\": \"b\" }")).Revision!;

    [Fact]
    public void The_clusters_before_a_change_are_kept_for_a_minute_and_no_longer()
    {
        using var retiring = new RetiringClusters(_time);
        retiring.Keep(_old, _new, new OneCluster(_old));
        Assert.Equal("c", retiring.Find(_old, "c")!.ClusterId);
        Assert.Null(retiring.Find(_new, "c"));
        Assert.Equal(TimeSpan.FromMinutes(1), _time.Due);

        _time.Run!();
        Assert.Null(retiring.Find(_old, "c"));
    }

    [Fact]
    public void The_end_of_one_minute_drops_nothing_of_the_next_change()
    {
        using var retiring = new RetiringClusters(_time);
        retiring.Keep(_old, _new, new OneCluster(_old));
        var first = _time.Run!;
        retiring.Keep(_new, _old, new OneCluster(_new));

        first();
        Assert.NotNull(retiring.Find(_new, "c"));
    }

    /// <summary>Remembers the last timer, and fires it when the test says.</summary>
    private sealed class OneTimer : TimeProvider
    {
        public Action? Run { get; private set; }

        public TimeSpan Due { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Run = () => callback(state);
            Due = dueTime;
            return base.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    private sealed class OneCluster(Revision revision) : IProxyStateLookup
    {
        private readonly ClusterState _cluster = new(
            "c", new ClusterModel(revision.ProxyClusters[0], new HttpMessageInvoker(new SocketsHttpHandler())));

        public IEnumerable<ClusterState> GetClusters() => [_cluster];

        public bool TryGetCluster(string id, [NotNullWhen(true)] out ClusterState? cluster) => (cluster = _cluster) is not null;

        public IEnumerable<RouteModel> GetRoutes() => [];

        public bool TryGetRoute(string id, [NotNullWhen(true)] out RouteModel? route) => (route = null) is not null;
    }
}
