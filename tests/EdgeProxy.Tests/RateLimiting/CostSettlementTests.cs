using System.Diagnostics.Metrics;
using System.Net;
using EdgeProxy.Configuration;
using EdgeProxy.RateLimiting;
using EdgeProxy.Tests.Configuration;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>Whose limits what a request really cost is settled under, when the configuration has changed meanwhile.</summary>
public sealed class CostSettlementTests
{
    private const string Burst = "{ \"Name\": \"burst\", \"Capacity\": 100, \"Refill\": 1, \"Every\": \"1h\" }";
    private const string Day = "{ \"Name\": \"day\", \"Capacity\": 50, \"Refill\": 1, \"Every\": \"1d\" }";

    private readonly MemoryBucketStore _store = new(new ManualTime());

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_request_of_a_revision_that_YARP_has_and_the_edge_is_about_to_have_is_settled_under_that(bool isActive)
    {
        var next = Read($"\"Limits\": [ {Burst}, {Day} ]");
        var revisions = new Revisions(Read($"\"Limits\": [ {Burst} ]"));
        revisions.Offer(next);
        if (isActive)
        {
            revisions.Activate();
        }

        await SettleAsync(revisions, next, cost: 8);

        Assert.Equal((92, 42), (await LeftAsync(next, 0), await LeftAsync(next, 1)));
    }

    [Theory]
    [InlineData("", 92)]
    [InlineData("\"Decide\": \"Strict\",", 92)]
    [InlineData("\"Mode\": \"Shadow\",", 99)]
    [InlineData("\"Per\": \"Route\",", 99)]
    [InlineData("\"Per\": \"Header:X-Tenant\",", 99)]
    [InlineData("\"Per\": \"Header:X-Absent\",", 92)] // then it is the client again
    public async Task What_is_counted_in_another_bucket_since_a_reload_is_settled_in_neither(string key, int left)
    {
        var before = Read($"\"Limits\": [ {Burst} ]");
        var now = Read($"{key} \"Limits\": [ {Burst} ]");
        var revisions = new Revisions(before);

        await SettleAsync(revisions, before, cost: 8, meanwhile: () =>
        {
            revisions.Offer(now);
            revisions.Activate();
        });

        Assert.Equal(left, await LeftAsync(before, 0));
        if (left == 99)
        {
            var (context, edge) = Request(now);
            var policy = now.Policies["standard"];
            var name = BucketName.Of(policy, context, edge, edge.Route!);
            Assert.Equal(100 * Rate.Token, (await _store.LookAsync(name, policy.Set))!.Levels[0]);
        }
    }

    [Fact]
    public async Task An_address_is_no_client_whose_id_looks_like_it()
    {
        var before = Read($"\"Limits\": [ {Burst} ]");
        var now = Read(
            $"\"Limits\": [ {Burst} ], \"Plans\": {{ \"free\": {{ \"Unlimited\": true }} }}",
            $$""" "Clients": { "ApiKey": { "Keys": { "127.0.0.1": { "Plan": "free", "Sha256": "{{new string('a', 64)}}" } } } }, """);
        var revisions = new Revisions(before);

        await SettleAsync(revisions, before, cost: 8, meanwhile: () =>
        {
            revisions.Offer(now);
            revisions.Activate();
        });

        Assert.Equal(92, await LeftAsync(before, 0));
    }

    private async Task SettleAsync(Revisions revisions, Revision revision, int cost, Action? meanwhile = null)
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var metrics = new RateLimitMetrics(services.GetRequiredService<IMeterFactory>(), revisions);
        var (context, edge) = Request(revision);
        var response = new Starting();
        context.Features.Set<IHttpResponseFeature>(response);
        var policy = revision.Policies["standard"];
        var name = BucketName.Of(policy, context, edge, edge.Route!);
        edge.RateLimits = Limits.Verdict(new BucketTake { Policy = policy, Limits = policy.Set, Name = name });
        Assert.True(_store.TryTake(edge.RateLimits));

        new CostSettlement(_store, metrics, revisions, new ReportedCosts(revisions, TimeProvider.System)).Expect(context);
        meanwhile?.Invoke();
        response.Headers["X-Cost"] = $"{cost}";
        await response.StartAsync();

        Assert.Empty(response.Headers);
    }

    private async Task<long> LeftAsync(Revision revision, int limit)
    {
        var (context, edge) = Request(revision);
        var policy = revision.Policies["standard"];
        var view = await _store.LookAsync(BucketName.Of(policy, context, edge, edge.Route!), policy.Set);
        return view!.Levels[limit] / Rate.Token;
    }

    private static (HttpContext Context, EdgeContext Edge) Request(Revision revision)
    {
        var context = new DefaultHttpContext();
        context.Request.Headers["X-Tenant"] = "acme";
        var edge = new EdgeContext(revision, "1", 1) { ClientAddress = IPAddress.Loopback };
        edge.Match(revision, revision.Routes["r"]);
        context.Features.Set(edge);
        return (context, edge);
    }

    private static Revision Read(string policy, string sections = "") => Configurations.Read(Configurations.Document(
        "\"RateLimiterPolicy\": \"standard\", \"CostHeader\": \"X-Cost\"",
        sections: $"{sections} \"RateLimits\": {{ \"standard\": {{ {policy} }} }},")).Revision!;

    /// <summary>The server's part of an answer's start.</summary>
    private sealed class Starting : HttpResponseFeature
    {
        private Func<Task> _start = () => Task.CompletedTask;

        public override void OnStarting(Func<object, Task> callback, object state) => _start = () => callback(state);

        public Task StartAsync() => _start();
    }
}
