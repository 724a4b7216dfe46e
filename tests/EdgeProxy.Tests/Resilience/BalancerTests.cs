using System.Diagnostics.Metrics;
using EdgeProxy.Configuration;
using EdgeProxy.Resilience;
using EdgeProxy.Tests.Configuration;
using EdgeProxy.Tests.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Tests.Resilience;

/// <summary>Bounds and probes, while others want the same places in the moment of the choice.</summary>
public sealed class BalancerTests : IDisposable
{
    private static readonly ServiceProvider Services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private static readonly IMeterFactory Meters = Services.GetRequiredService<IMeterFactory>();

    private readonly FirstOfAll _policy = new();
    private readonly Breakers _breakers;
    private readonly Balancer _balancer;
    private readonly Attempts _attempts;
    private readonly ClusterState _cluster;
    private readonly DestinationState _a;
    private readonly DestinationState _b;
    private readonly DestinationState _c;

    public BalancerTests()
    {
        var time = new ManualTime();
        _breakers = new Breakers(
            Services, new BreakerMetrics(Meters, Services), time, new Random(7), NullLogger<Breakers>.Instance);
        _balancer = new Balancer(new DestinationPicker([_policy]), _breakers, new Random(7));
        _attempts = new Attempts(_balancer, _breakers, new AttemptMetrics(Meters), time, new Random(7));
        var one = new ConcurrencySettings { MaxPerDestination = 1 };
        (_cluster, var all) = Clusters.Of([new(), new(), new()], new ClusterSettings { ClusterId = "c", Concurrency = one });
        (_a, _b, _c) = (all[0], all[1], all[2]);
    }

    public void Dispose() => _breakers.Dispose();

    [Theory, InlineData(true), InlineData(false)]
    public void A_probe_takes_no_place_that_another_has_taken_meanwhile_and_is_made_as_soon_as_there_is_one(bool isClusters)
    {
        HalfOpen(isClusters ? ClusterRuntime.Of(_cluster).Circuit : DestinationRuntime.Of(_a).Circuit);
        var rival = AttemptPass.None;
        _policy.BeforeTaking = () => rival = AttemptPass.Enter(_cluster, _a);

        var pass = Choose(_a, _b);

        Assert.Equal((_b, isClusters, 1), (pass.Destination, pass.IsProbe, DestinationRuntime.Of(_a).InFlight));
        _breakers.Leave(rival);
        _breakers.Leave(pass);
        pass = Choose(_a, _b);
        Assert.Equal(isClusters ? (null, false) : (_a, true), (pass.Destination, pass.IsProbe));
    }

    [Fact]
    public void A_retry_gives_up_the_place_of_its_attempt_to_nobody_before_it_has_another()
    {
        AttemptPass.Enter(_cluster, _b);
        var client = Client(AttemptPass.Enter(_cluster, _a));
        var rival = AttemptPass.None;
        _policy.BeforeTaking = () => rival = AttemptPass.TryEnter(_cluster, _a, 1, null, null);
        using var request = new HttpRequestMessage(HttpMethod.Get, "http://d0/");

        Assert.True(_attempts.TryNext(request, client, [_a, _c]));

        var attempt = client.Edge().Attempt;
        Assert.Equal((true, _a, 1), (rival.IsFull, attempt.Destination, DestinationRuntime.Of(_a).InFlight));
        _breakers.Leave(attempt);
        Assert.Equal(0, DestinationRuntime.Of(_a).InFlight);
    }

    [Fact]
    public void A_retry_that_finds_no_room_elsewhere_and_whose_destination_is_out_leaves_its_place_as_it_was()
    {
        AttemptPass.Enter(_cluster, _b);
        _cluster.DestinationsState = new ClusterDestinationsState([_a, _b], [_b]);
        var client = Client(AttemptPass.Enter(_cluster, _a));
        using var request = new HttpRequestMessage(HttpMethod.Get, "http://d0/");

        Assert.False(_attempts.TryNext(request, client, [_a]));

        Assert.Equal((_a, 1), (client.Edge().Attempt.Destination, DestinationRuntime.Of(_a).InFlight));
    }

    [Fact]
    public void A_retry_that_goes_elsewhere_leaves_its_place()
    {
        var client = Client(AttemptPass.Enter(_cluster, _a));
        using var request = new HttpRequestMessage(HttpMethod.Get, "http://d0/");

        Assert.True(_attempts.TryNext(request, client, [_a]));

        Assert.Equal((_b, "http://d1/"), (client.Edge().Attempt.Destination, request.RequestUri!.AbsoluteUri));
        Assert.Equal((0, 1), (DestinationRuntime.Of(_a).InFlight, DestinationRuntime.Of(_b).InFlight));
    }

    [Theory, InlineData(true), InlineData(false)]
    public void An_attempt_beside_another_is_no_probe_and_puts_off_none(bool isClusters)
    {
        HalfOpen(isClusters ? ClusterRuntime.Of(_cluster).Circuit : DestinationRuntime.Of(_b).Circuit);
        var client = Client(AttemptPass.Enter(_cluster, _a));

        var beside = _attempts.EnterOther(client, [_a, _c]);

        Assert.Null(beside.Destination);
        var pass = Choose(_b);
        Assert.Equal((_b, true), (pass.Destination, pass.IsProbe));
    }

    private AttemptPass Choose(params IReadOnlyList<DestinationState> candidates) =>
        _balancer.Choose(PickContext.Of(new DefaultHttpContext(), _cluster, hasBody: false), candidates, out _);

    private void HalfOpen(Circuit circuit)
    {
        circuit.Open("test", TimeSpan.Zero, chance: 0);
        circuit.Breaker.Advance(_breakers.Now);
        Assert.Equal(BreakerState.HalfOpen, circuit.Breaker.State);
        ClusterRuntime.Of(_cluster).IsTroubled = true;
    }

    private static DefaultHttpContext Client(AttemptPass attempt)
    {
        var client = new DefaultHttpContext();
        var edge = new EdgeContext(Configurations.Read(Configurations.Document()).Revision!, "id", startedAt: 0) { Attempt = attempt };
        client.Features.Set(edge);
        client.Features.Set<IReverseProxyFeature>(new ReverseProxyFeature());
        return client;
    }

    /// <summary>Names the first candidate, and once lets another request act before it is taken.</summary>
    private sealed class FirstOfAll : ILoadBalancingPolicy
    {
        public Action? BeforeTaking { get; set; }

        public string Name => LoadBalancingPolicies.PowerOfTwoChoices;

        public DestinationState? PickDestination(
            HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> availableDestinations)
        {
            var act = BeforeTaking;
            BeforeTaking = null;
            act?.Invoke();
            return availableDestinations[0];
        }
    }
}
