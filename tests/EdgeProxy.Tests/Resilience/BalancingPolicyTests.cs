using EdgeProxy.Configuration;
using EdgeProxy.Resilience;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.AspNetCore.Http;
using Xunit;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Tests.Resilience;

/// <summary>Who is chosen, by policy, weight and load.</summary>
public sealed class BalancingPolicyTests
{
    private static readonly HttpContext Request = new DefaultHttpContext();

    [Fact]
    public void A_round_gives_each_destination_as_many_turns_as_its_weight()
    {
        var (cluster, all) = Clusters.Weighing(1, 3, 6);
        for (var round = 0; round < 5; round++)
        {
            Assert.Equal([1, 3, 6], Shares(new RoundRobinPolicy(), cluster, all, 10));
        }
    }

    [Fact]
    public void Turns_of_a_heavy_destination_are_spread_over_the_round()
    {
        var (cluster, all) = Clusters.Weighing(5, 5, 1);
        var policy = new RoundRobinPolicy();
        var picked = Enumerable.Range(0, 11).Select(_ => policy.PickDestination(Request, cluster, all)!.DestinationId).ToList();
        Assert.DoesNotContain(Enumerable.Range(0, 9), i => picked[i] == picked[i + 1] && picked[i] == picked[i + 2]);
    }

    [Theory]
    [InlineData(typeof(PickTwoPolicy))]
    [InlineData(typeof(RandomPolicy))]
    public void An_idle_cluster_is_shared_by_weight(Type policy)
    {
        var (cluster, all) = Clusters.Weighing(1, 9);
        var shares = Shares((ILoadBalancingPolicy)Activator.CreateInstance(policy, new Random(7))!, cluster, all, 10_000);
        Assert.InRange(shares[0], 850, 1150);
    }

    [Fact]
    public void Of_two_that_are_busy_the_one_with_less_for_its_weight_is_taken()
    {
        var (cluster, all) = Clusters.Weighing(1, 4);
        Busy(all[0], 2); // 3 for a weight of 1
        Busy(all[1], 8); // 9 for a weight of 4
        Assert.Equal([0, 100], Shares(new PickTwoPolicy(new Random(7)), cluster, all, 100));
        Busy(all[1], 8); // 17 for a weight of 4
        Assert.Equal([100, 0], Shares(new PickTwoPolicy(new Random(7)), cluster, all, 100));
    }

    [Fact]
    public void With_equal_weights_no_draw_prefers_the_busier_one()
    {
        var (cluster, all) = Clusters.Weighing(1, 1, 1);
        Busy(all[2], 5);
        var shares = Shares(new PickTwoPolicy(new Random(7)), cluster, all, 3000);
        Assert.Equal(0, shares[2]);
        Assert.InRange(shares[0], 1300, 1700);
    }

    [Fact]
    public void Least_requests_looks_at_all_and_takes_equals_in_turn()
    {
        var (cluster, all) = Clusters.Weighing(1, 1, 2);
        Busy(all[0], 1);
        Busy(all[2], 2);
        Assert.Equal([0, 10, 0], Shares(new LeastRequestsPolicy(), cluster, all, 10));
        Busy(all[1], 2);
        Busy(all[2], 3);
        Busy(all[0], 1); // 3, 3 and 3: what is in flight and the next one, by weight
        Assert.Equal([10, 10, 10], Shares(new LeastRequestsPolicy(), cluster, all, 30));
    }

    [Fact]
    public void The_first_by_name_is_taken_whatever_it_weighs()
    {
        var (cluster, all) = Clusters.Weighing(1, 100);
        Assert.Equal([10, 0], Shares(new FirstAlphabeticalPolicy(), cluster, [all[1], all[0]], 10, all));
    }

    [Fact]
    public void A_stride_visits_every_place_of_a_round_once() => Prop.ForAll<ushort>(places =>
    {
        var round = places + 1u;
        var stride = RoundRobinPolicy.StrideOf(round);
        Assert.Equal((int)round, Enumerable.Range(0, (int)round).Select(turn => (uint)turn * stride % round).Distinct().Count());
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_draw_gives_each_point_to_the_destination_that_it_falls_on() => Prop.ForAll<byte, byte, byte>((a, b, c) =>
    {
        int[] weights = [1 + a, 1 + b, 1 + c];
        var (_, all) = Clusters.Weighing(weights);
        for (var skipped = -1; skipped < 3; skipped++)
        {
            var left = weights.Index().Where(w => w.Index != skipped).Sum(w => w.Item);
            var counts = new int[3];
            for (var point = 0; point < left; point++)
            {
                counts[WeightedDraw.At(all, point, skipped)]++;
            }

            Assert.Equal(weights.Index().Select(w => w.Index == skipped ? 0 : w.Item), counts);
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void When_a_destination_leaves_its_keys_alone_move_and_spread_over_the_others() => Prop.ForAll<byte, byte>((count, gone) =>
    {
        var (cluster, all) = Hashing([.. Enumerable.Repeat(1, 2 + (count % 8))]);
        var leaver = all[gone % all.Count];
        var left = all.Where(one => one != leaver).ToList();
        var policy = new ConsistentHashPolicy();
        for (var key = 0; key < 200; key++)
        {
            var request = RequestOf(key);
            var before = policy.PickDestination(request, cluster, all);
            var after = policy.PickDestination(request, cluster, left);
            Assert.True(before == leaver ? left.Contains(after!) : after == before);
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Keys_are_spread_by_weight()
    {
        var (cluster, all) = Hashing(1, 1, 2);
        var policy = new ConsistentHashPolicy();
        var picked = Enumerable.Range(0, 8000).Select(key => policy.PickDestination(RequestOf(key), cluster, all)).ToList();
        Assert.InRange(picked.Count(one => one == all[0]), 1800, 2200);
        Assert.InRange(picked.Count(one => one == all[2]), 3700, 4300);
    }

    private static (ClusterState Cluster, IReadOnlyList<DestinationState> Destinations) Hashing(params int[] weights) => Clusters.Of(
        [.. weights.Select(weight => new DestinationSettings { Weight = weight })],
        new ClusterSettings { ClusterId = "c", HashHeader = "X-Tenant" });

    private static DefaultHttpContext RequestOf(int key)
    {
        var request = new DefaultHttpContext();
        request.Request.Headers["X-Tenant"] = $"tenant-{key}";
        return request;
    }

    private static void Busy(DestinationState destination, int requests)
    {
        for (var i = 0; i < requests; i++)
        {
            DestinationRuntime.Of(destination).Enter();
        }
    }

    private static int[] Shares(
        ILoadBalancingPolicy policy, ClusterState cluster, IReadOnlyList<DestinationState> all, int times,
        IReadOnlyList<DestinationState>? order = null)
    {
        var picked = Enumerable.Range(0, times).Select(_ => policy.PickDestination(Request, cluster, all)).ToList();
        return [.. (order ?? all).Select(destination => picked.Count(one => one == destination))];
    }
}
