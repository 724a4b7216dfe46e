using System.Globalization;
using System.Net;
using EdgeProxy.IntegrationTests.Peers;

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
    /// <param name="policy">
    /// The policy's object. Strict unless it says otherwise: an answer of the store that comes too late would be charged twice.
    /// </param>
    /// <param name="route">More keys of the route.</param>
    /// <param name="sections">More sections of the configuration, each with a comma behind it.</param>
    public static async Task<LimitedEdge> StartAsync(
        bool isShared, Upstream upstream, string policy, string route = "", string sections = "")
    {
        var redis = isShared ? await RedisServer.StartAsync() : null;
        policy = policy.Contains("\"Decide\"", StringComparison.Ordinal) ? policy : "{ \"Decide\": \"Strict\"," + policy.Trim()[1..];
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
