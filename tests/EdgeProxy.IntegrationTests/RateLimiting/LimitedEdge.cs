using System.Globalization;
using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit.Sdk;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>An edge with one route and one policy, `standard`, with buckets in memory or in a Redis of its own.</summary>
internal sealed class LimitedEdge : IAsyncDisposable
{
    private LimitedEdge(Edge edge, RedisServer? redis)
    {
        Edge = edge;
        Redis = redis;
    }

    public Edge Edge { get; }

    /// <summary>Null: buckets are in memory.</summary>
    public RedisServer? Redis { get; }

    /// <param name="isShared">Buckets are in Redis.</param>
    /// <param name="upstream">Answers what is admitted.</param>
    /// <param name="policy">The policy's object.</param>
    /// <param name="route">More keys of the route.</param>
    /// <param name="sections">More sections of the configuration, each with a comma behind it.</param>
    /// <param name="decide">How the policy decides, unless it says so itself.</param>
    public static async Task<LimitedEdge> StartAsync(
        bool isShared, Upstream upstream, string policy, string route = "", string sections = "", string decide = "Strict")
    {
        var redis = isShared ? await RedisServer.StartAsync() : null;
        policy = policy.Contains("\"Decide\"", StringComparison.Ordinal) ? policy : $"{{ \"Decide\": \"{decide}\"," + policy.Trim()[1..];
        var edge = await Edge.StartAsync(
            $$"""{{sections}} "RateLimits": { "standard": {{policy}} }, """
            + Edge.OneRoute(upstream.Address, "\"RateLimiterPolicy\": \"standard\"" + (route.Length > 0 ? "," : "") + route),
            isShared ? $$""" "Store": { "Redis": "{{redis!.Address}}" } """ : "");
        if (isShared)
        {
            await SharedLimitsTests.UpAsync(edge);
        }

        return new LimitedEdge(edge, redis);
    }

    /// <summary>
    /// Runs a test that counts on every answer of the store: again, with an edge of its own, where the machine was too busy for one of
    /// them to come within 5 ms, so that the node decided by its share.
    /// </summary>
    public static async Task RunAsync(Func<Task<LimitedEdge>> start, Func<LimitedEdge, Task> test)
    {
        for (var tries = 1; ; tries++)
        {
            await using var limited = await start();
            using var readings = new Readings(limited.Edge);
            try
            {
                await test(limited);
                return;
            }
            catch (XunitException) when (tries < 20 && readings.Counted("edgeproxy_ratelimit_decisions_total").Any(IsLocal))
            {
                // Once more.
            }
        }

        static bool IsLocal(string series) => series.Contains("source=local", StringComparison.Ordinal);
    }

    /// <summary>The status of a request and what is left under the first limit; -1 when that is not said.</summary>
    public async Task<(HttpStatusCode Status, long Left)> AskAsync(string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        if (key is not null)
        {
            request.Headers.Add("X-Api-Key", key);
        }

        using var answer = await Edge.Client.SendAsync(request);
        return (answer.StatusCode, LeftOf(answer));
    }

    public static long LeftOf(HttpResponseMessage answer)
    {
        if (!answer.Headers.TryGetValues("RateLimit", out var values))
        {
            return -1;
        }

        var text = values.Single().Split(";r=")[1].Split(';', ',')[0];
        return long.Parse(text, CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        await Edge.DisposeAsync();
        if (Redis is not null)
        {
            await Redis.DisposeAsync();
        }
    }
}
