using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>Whose bucket a request is counted in, asked over HTTP.</summary>
public sealed class LimitKeyTests
{
    // SHA-256 of "abc".
    private const string Key = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    [Theory]
    [InlineData("Ip", "X-Tenant: a", "X-Tenant: b", true)]
    [InlineData("Route", "X-Api-Key: abc", "X-Other: b", true)]
    [InlineData("Global", "X-Api-Key: abc", "X-Other: b", true)]
    [InlineData("Client", "X-Api-Key: abc", "X-Other: b", false)]
    [InlineData("Ip", "X-Api-Key: abc", "X-Other: b", true)]
    [InlineData("Header:X-Tenant", "X-Tenant: a", "X-Tenant: a", true)]
    [InlineData("Header:X-Tenant", "X-Tenant: a", "X-Tenant: b", false)]
    [InlineData("Header:X-Tenant", "X-Tenant: a", "X-Other: b", false)]
    [InlineData("Header:X-Tenant", "X-Api-Key: abc", "X-Other: b", false)]
    public async Task A_bucket_belongs_to_what_Per_names(string per, string one, string other, bool shared)
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(
            Clients() + Policies(Policy("standard", 1, per)) + Edge.OneRoute(upstream.Address, "\"RateLimiterPolicy\": \"standard\""));

        Assert.Equal(HttpStatusCode.OK, await AskAsync(edge, one));
        Assert.Equal(shared ? HttpStatusCode.TooManyRequests : HttpStatusCode.OK, await AskAsync(edge, other));
        Assert.Equal(HttpStatusCode.TooManyRequests, await AskAsync(edge, one));
    }

    [Theory]
    [InlineData("")]
    [InlineData("X-Api-Key: wrong")]
    [InlineData("X-Api-Key: abc\r\nX-Api-Key: abc")]
    [InlineData("X-Api-Key: ")]
    public async Task No_key_an_unknown_one_and_two_are_nobodys(string fields)
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Clients() + Edge.OneRoute(upstream.Address, "\"RequireClient\": true"));

        var answer = await RawClient.ExchangeAsync(
            edge.Uri, $"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}{(fields.Length > 0 ? "\r\n" : "")}\r\n");
        Assert.Equal(401, answer.Status);
        Assert.Contains("WWW-Authenticate: ApiKey", answer.Text, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(0, upstream.Hits);
    }

    [Theory]
    [InlineData("X-Api-Key: abc\r\nX-Api-Key: abc", "")]
    [InlineData("X-Api-Key: other\r\nX-Api-Key: abc", "")]
    [InlineData("X-Api-Key: other, abc", "")]
    [InlineData("X-Api-Key: other", "other")]
    public async Task A_key_among_others_counts_for_nobody_and_does_not_go_on(string fields, string arrives)
    {
        await using var upstream = await Upstream.StartAsync(context =>
            context.Response.WriteAsync($"key={context.Request.Headers["X-Api-Key"]};"));
        await using var edge = await Edge.StartAsync(Clients() + Edge.OneRoute(upstream.Address));

        var answer = await RawClient.ExchangeAsync(edge.Uri, $"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n\r\n");

        Assert.Contains($"key={arrives};", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("\"Forward\": true,", "abc")]
    public async Task A_recognised_key_goes_on_only_when_Forward_says_so(string forward, string arrives)
    {
        await using var upstream = await Upstream.StartAsync(context =>
            context.Response.WriteAsync(context.Request.Headers["X-Api-Key"].ToString()));
        await using var edge = await Edge.StartAsync(Clients(forward) + Edge.OneRoute(upstream.Address));
        edge.Client.DefaultRequestHeaders.Add("X-Api-Key", "abc");

        Assert.Equal(arrives, await edge.Client.GetStringAsync("/"));
    }

    [Fact]
    public async Task A_failure_of_the_destination_carries_the_fields_too()
    {
        var nobody = $"http://127.0.0.1:{RedisServer.FreePort()}/";
        await using var edge = await Edge.StartAsync(
            Policies(Policy("standard", 5, "Client")) + Edge.OneRoute(nobody, "\"RateLimiterPolicy\": \"standard\""));

        using var answer = await edge.Client.GetAsync("/");
        Assert.InRange((int)answer.StatusCode, 502, 503);
        Assert.StartsWith("\"standard\";r=4", Assert.Single(answer.Headers.GetValues("RateLimit")), StringComparison.Ordinal);
        Assert.StartsWith("\"standard\";q=5", Assert.Single(answer.Headers.GetValues("RateLimit-Policy")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refusal_by_one_policy_charges_none()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(
            Policies(Policy("wide", 10, "Global") + "," + Policy("narrow", 1, "Header:X-Tenant"))
            + Edge.OneRoute(upstream.Address, "\"RateLimits\": [ \"wide\", \"narrow\" ]"));

        Assert.Equal(HttpStatusCode.OK, await AskAsync(edge, "X-Tenant: a"));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, await AskAsync(edge, "X-Tenant: a"));
        }

        for (var i = 0; i < 9; i++)
        {
            Assert.Equal(HttpStatusCode.OK, await AskAsync(edge, $"X-Tenant: {i}"));
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, await AskAsync(edge, "X-Tenant: last"));
        Assert.Equal(10, upstream.Hits);
    }

    [Fact]
    public async Task A_plan_that_a_reload_changes_holds_at_once()
    {
        await using var upstream = await Upstream.StartAsync();
        var route = Edge.OneRoute(upstream.Address, "\"RateLimiterPolicy\": \"standard\"");
        await using var edge = await Edge.StartAsync(Clients() + Policies(Policy("standard", 1, "Client")) + route);
        const string ByKey = "X-Api-Key: abc";

        Assert.Equal(HttpStatusCode.OK, await AskAsync(edge, ByKey));
        Assert.Equal(HttpStatusCode.TooManyRequests, await AskAsync(edge, ByKey));
        await Reload.ApplyAsync(edge, Clients(plan: "gold") + Policies(
            Policy("standard", 1, "Client", "\"Plans\": { \"gold\": { \"Unlimited\": true } },")) + route);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(edge, ByKey));
        await Reload.ApplyAsync(edge, Clients() + Policies(Policy("standard", 1, "Client")) + route);
        Assert.Equal(HttpStatusCode.TooManyRequests, await AskAsync(edge, ByKey));
    }

    [Theory]
    [InlineData(false, "Strict")]
    [InlineData(true, "Strict")]
    [InlineData(true, "Leased")]
    public async Task A_client_s_own_limits_hold_for_it_alone_and_none_cost_nothing(bool isShared, string decide)
    {
        await using var upstream = await Upstream.StartAsync();
        var clients = Clients().Replace("\"Plan\"", "\"RateLimits\": { \"standard\": OWN }, \"Plan\"", StringComparison.Ordinal);
        const string Policy = """{ "Limits": [ { "Name": "hour", "Capacity": 2, "Refill": 1, "Every": "1h" } ] }""";
        var more = clients.Replace("OWN", Policy.Replace(": 2", ": 5", StringComparison.Ordinal), StringComparison.Ordinal);
        var start = () => LimitedEdge.StartAsync(isShared, upstream, Policy, sections: more, decide: decide);
        await LimitedEdge.RunAsync(start, async limited =>
        {
            Assert.Equal((HttpStatusCode.OK, 4), await limited.AskAsync("abc"));
            Assert.Equal((HttpStatusCode.OK, 1), await limited.AskAsync());
        });

        await using var free = await LimitedEdge.StartAsync(
            isShared, upstream, Policy, decide: decide,
            sections: clients.Replace("OWN", "{ \"Unlimited\": true }", StringComparison.Ordinal));
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal((HttpStatusCode.OK, -1), await free.AskAsync("abc"));
        }

        if (free.Redis is { } redis)
        {
            await using var admin = await redis.ConnectAsync();
            var keys = (StackExchange.Redis.RedisResult[]?)await admin.GetDatabase().ExecuteAsync("KEYS", "rl:*");
            Assert.Equal(["rl:nodes"], keys!.Select(key => key.ToString()));
        }
    }

    private static string Clients(string forward = "", string plan = "default") => $$"""
        "Clients": { "ApiKey": { "Header": "X-Api-Key", {{forward}} "Keys": {
          "acme": { "Sha256": "{{Key}}", "Plan": "{{plan}}" } } } },
        """;

    private static string Policies(string policies) => $$"""
        "RateLimits": { {{policies}} },
        """;

    private static string Policy(string name, int capacity, string per, string more = "") => $$"""
        "{{name}}": { {{more}} "Per": "{{per}}",
          "Limits": [ { "Name": "{{name}}", "Capacity": {{capacity}}, "Refill": 1, "Every": "1h" } ] }
        """;

    private static async Task<HttpStatusCode> AskAsync(Edge edge, string field)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        var colon = field.IndexOf(':', StringComparison.Ordinal);
        request.Headers.TryAddWithoutValidation(field[..colon], field[(colon + 1)..].Trim());
        using var answer = await edge.Client.SendAsync(request);
        return answer.StatusCode;
    }
}
