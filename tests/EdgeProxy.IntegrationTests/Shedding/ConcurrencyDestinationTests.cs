using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;
using static EdgeProxy.IntegrationTests.Shedding.Bounded;

namespace EdgeProxy.IntegrationTests.Shedding;

/// <summary>How many requests a destination has at once, and who gets the room of one that ends.</summary>
public sealed class ConcurrencyDestinationTests
{
    [Fact]
    public async Task A_destination_that_is_full_is_passed_over_and_when_all_are_the_next_waits_for_whichever_has_room_first()
    {
        await using var a = await Held.StartAsync();
        await using var b = await Held.StartAsync();
        await using var edge = await Edge.StartAsync(Two(a.Address, b.Address,
            "\"LoadBalancingPolicy\": \"FirstAlphabetical\", "
            + "\"Concurrency\": { \"MaxPerDestination\": 2, \"Queue\": 1, \"QueueTimeout\": \"1h\" }"));
        var requests = new List<Task<string>>();
        for (var i = 0; i < 4; i++)
        {
            requests.Add(edge.Client.GetStringAsync("/", Wait.Deadline));
            await Wait.UntilAsync(() => a.Inside + b.Inside == requests.Count, "the request is held");
        }

        Assert.Equal((2, 2), (a.Inside, b.Inside));
        requests.Add(edge.Client.GetStringAsync("/", Wait.Deadline));
        await UntilAsync(edge, isRoute: false, used: 4, queued: 1);
        Assert.Equal("concurrency_limit", CodeOf(await edge.Client.GetAsync("/", Wait.Deadline)));

        b.LetOneGo();

        await Wait.UntilAsync(() => b.Hits == 3, "the one that waited is at b");
        a.LetAllGo();
        b.LetAllGo();
        Assert.All(await Task.WhenAll(requests), answer => Assert.Equal("held", answer));
        Assert.Equal((2, 2), (a.Most, b.Most));
        await UntilAsync(edge, isRoute: false, used: 0, queued: 0);
    }

    [Fact]
    public async Task A_crowd_never_exceeds_the_bounds_and_all_of_it_is_answered()
    {
        await using var a = await Held.StartAsync();
        await using var b = await Held.StartAsync();
        await using var edge = await Edge.StartAsync(Two(a.Address, b.Address,
            "\"Concurrency\": { \"Max\": 5, \"MaxPerDestination\": 3, \"Queue\": 1000, \"QueueTimeout\": \"1h\" }"));
        var requests = Enumerable.Range(0, 200).Select(_ => edge.Client.GetStringAsync("/", Wait.Deadline)).ToList();
        while (a.Hits + b.Hits < 200)
        {
            a.LetOneGo();
            b.LetOneGo();
            await Task.Yield();
        }

        a.LetAllGo();
        b.LetAllGo();
        await Task.WhenAll(requests);

        Assert.InRange(a.Most, 1, 3);
        Assert.InRange(b.Most, 1, 3);
        await UntilAsync(edge, isRoute: false, used: 0, queued: 0);
    }

    [Fact]
    public async Task A_lone_destination_that_is_full_of_this_very_request_is_tried_again()
    {
        var hits = 0;
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = Interlocked.Increment(ref hits) == 1 ? 503 : 200;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, "\"Retry\": {}", "\"Concurrency\": { \"MaxPerDestination\": 1 }"));

        using var answer = await edge.Client.GetAsync("/", Wait.Deadline);

        Assert.Equal((HttpStatusCode.OK, 2), (answer.StatusCode, upstream.Hits));
        await UntilAsync(edge, isRoute: false, used: 0, queued: 0);
    }

    [Fact]
    public async Task The_room_of_an_attempt_that_was_overtaken_goes_to_who_waits_at_once()
    {
        var (head, end) = (new TaskCompletionSource(), new TaskCompletionSource());
        var first = true;
        await using var a = await Upstream.StartAsync(async context =>
        {
            if (first)
            {
                first = false;
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                return;
            }

            await context.Response.WriteAsync("the next");
        });
        await using var b = await Upstream.StartAsync(async context =>
        {
            await head.Task;
            await context.Response.Body.FlushAsync();
            await end.Task;
            await context.Response.WriteAsync("overtook");
        });
        await using var edge = await Edge.StartAsync(Two(a.Address, b.Address,
            "\"LoadBalancingPolicy\": \"FirstAlphabetical\", \"RetryBudget\": { \"ReservePerSecond\": 1000 }, "
            + "\"Concurrency\": { \"MaxPerDestination\": 1, \"Queue\": 1, \"QueueTimeout\": \"1h\" }",
            ", \"Hedge\": { \"After\": \"20ms\" }"));
        var hedged = edge.Client.GetStringAsync("/", Wait.Deadline);
        await Wait.UntilAsync(() => a.Hits + b.Hits == 2, "it is at both");
        var waits = edge.Client.GetStringAsync("/", Wait.Deadline);
        await UntilAsync(edge, isRoute: false, used: 1, queued: 1);

        head.SetResult();

        Assert.Equal("the next", await waits);
        Assert.False(hedged.IsCompleted);
        end.SetResult();
        Assert.Equal("overtook", await hedged);
        await UntilAsync(edge, isRoute: false, used: 0, queued: 0);
    }
}
