using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>What clients are told, and who they are taken for.</summary>
public sealed class LimitFieldsTests
{
    // SHA-256 of "abc".
    private const string Sections = """
        "Clients": { "ApiKey": { "Header": "X-Api-Key", "Keys": {
          "acme": { "Sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "Plan": "internal" } } } },
        "RateLimits": { "standard": { "Per": "Client", "Limits": [ { "Name": "sec", "Capacity": 2, "Refill": 1, "Every": "30s" } ],
          "Plans": { "internal": { "Unlimited": true } } } },
        """;

    [Fact]
    public async Task Fields_replace_those_of_the_upstream_and_a_refusal_says_when_to_come_back()
    {
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.Headers["RateLimit"] = "\"theirs\";r=1";
            context.Response.Headers["RateLimit-Policy"] = "\"theirs\";q=1";
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Sections + Edge.OneRoute(upstream.Address, "\"RateLimiterPolicy\": \"standard\""));

        using var first = await edge.Client.GetAsync("/");
        Assert.Equal(["\"sec\";q=2;w=60"], first.Headers.GetValues("RateLimit-Policy"));
        Assert.Matches("^\"sec\";r=1;t=30$", Assert.Single(first.Headers.GetValues("RateLimit")));
        await edge.Client.GetAsync("/");
        using var refused = await edge.Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Matches("^\"sec\";r=0;t=\\d+$", Assert.Single(refused.Headers.GetValues("RateLimit")));
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 30);
    }

    [Theory]
    [InlineData("Draft", "\"sec\";r=1;t=30", "theirs")]
    [InlineData("Legacy", "theirs", "1")]
    [InlineData("Both", "\"sec\";r=1;t=30", "1")]
    [InlineData("None", "theirs", "theirs")]
    public async Task A_policy_says_which_fields_it_sends_and_only_those_are_replaced(string headers, string draft, string legacy)
    {
        string[] names = ["RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"];
        await using var upstream = await Upstream.StartAsync(context =>
        {
            foreach (var name in names)
            {
                context.Response.Headers[name] = "theirs";
            }

            return Task.CompletedTask;
        });
        var sections = Sections.Replace("\"Per\"", $"\"Headers\": \"{headers}\", \"Per\"", StringComparison.Ordinal);
        await using var edge = await Edge.StartAsync(sections + Edge.OneRoute(upstream.Address, "\"RateLimiterPolicy\": \"standard\""));

        using var answer = await edge.Client.GetAsync("/");
        Assert.All(names, name => Assert.Single(answer.Headers.GetValues(name)));
        Assert.Equal(draft, answer.Headers.GetValues("RateLimit").Single());
        Assert.Equal(legacy, answer.Headers.GetValues("X-RateLimit-Remaining").Single());
        Assert.Equal(legacy == "1" ? "2" : "theirs", answer.Headers.GetValues("X-RateLimit-Limit").Single());
        Assert.Equal(legacy == "1" ? "30" : "theirs", answer.Headers.GetValues("X-RateLimit-Reset").Single());
    }

    [Fact]
    public async Task A_recognised_key_is_removed_and_its_plan_without_limits_says_nothing()
    {
        await using var upstream = await Upstream.StartAsync(context =>
            context.Response.WriteAsync(context.Request.Headers["X-Api-Key"].ToString()));
        await using var edge = await Edge.StartAsync(
            Sections + Edge.OneRoute(upstream.Address, "\"RateLimiterPolicy\": \"standard\", \"RequireClient\": true"));

        using var anonymous = await edge.Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.Unauthorized, anonymous.StatusCode);
        Assert.NotEmpty(anonymous.Headers.WwwAuthenticate);
        edge.Client.DefaultRequestHeaders.Add("X-Api-Key", "abc");
        for (var i = 0; i < 5; i++)
        {
            using var answer = await edge.Client.GetAsync("/");
            Assert.Equal("", await answer.Content.ReadAsStringAsync());
            Assert.True(answer.IsSuccessStatusCode);
            Assert.False(answer.Headers.Contains("RateLimit"));
        }
    }
}
