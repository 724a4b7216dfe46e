using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>Looking at buckets and giving them back full, with buckets in memory and in Redis.</summary>
public sealed class RateLimitAdminTests
{
    private const string Hourly = """{ "Per": "Client", "Limits": [ { "Name": "hour", "Capacity": 3, "Refill": 1, "Every": "1h" } ] }""";
    private const string ByField =
        """{ "Per": "Header:X-Api-Key", "Limits": [ { "Name": "hour", "Capacity": 3, "Refill": 1, "Every": "1h" } ] }""";

    [Theory]
    [InlineData(false, "Strict")]
    [InlineData(true, "Strict")]
    [InlineData(true, "Leased")]
    public async Task A_look_spends_nothing_and_a_reset_gives_the_bucket_back_full(bool isShared, string decide)
    {
        await using var upstream = await Upstream.StartAsync();
        var start = () => LimitedEdge.StartAsync(isShared, upstream, Hourly, decide: decide);
        await LimitedEdge.RunAsync(start, async limited =>
        {
            for (var i = 0; i < 5; i++)
            {
                await limited.AskAsync();
            }

            for (var i = 0; i < 3; i++)
            {
                var spent = await LookAsync(limited, "127.0.0.1");
                Assert.Equal("ip:127.0.0.1", spent.GetProperty("key").GetString());
                Assert.Equal((3, 0), (Limit(spent, "capacity"), (int)Limit(spent, "level")));
                Assert.InRange(Limit(spent, "secondsToFull"), 10_000, 10_800);
            }

            using var reset = await limited.Edge.Admin.DeleteAsync("/v1/ratelimits/standard/buckets/127.0.0.1");
            Assert.Equal(HttpStatusCode.OK, reset.StatusCode);
            Assert.Equal(3, (int)Limit(await LookAsync(limited, "ip:127.0.0.1"), "level"));
            await Wait.UntilAsync(async () => (await limited.AskAsync()).Status == HttpStatusCode.OK, "the client is admitted again");
        });
    }

    [Fact]
    public async Task A_key_with_a_slash_or_an_encoded_one_names_its_own_bucket()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var limited = await LimitedEdge.StartAsync(false, upstream, ByField);
        await limited.AskAsync("a/b");
        await limited.AskAsync("a/b");
        await limited.AskAsync("a%2Fb");

        Assert.Equal(1, (int)Limit(await LookAsync(limited, "a%2Fb"), "level"));
        Assert.Equal(2, (int)Limit(await LookAsync(limited, "a%252Fb"), "level"));
        Assert.Equal(3, (int)Limit(await LookAsync(limited, "other"), "level"));
    }

    [Theory]
    [InlineData("nothing/buckets/127.0.0.1")]
    [InlineData("standard/buckets/nobody")]
    [InlineData("standard/buckets/route:all")]
    public async Task What_does_not_exist_is_a_404_in_the_one_error_format(string path)
    {
        await using var upstream = await Upstream.StartAsync();
        await using var limited = await LimitedEdge.StartAsync(false, upstream, Hourly);
        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Delete })
        {
            using var answer = await limited.Edge.Admin.SendAsync(new HttpRequestMessage(method, "/v1/ratelimits/" + path));
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        }
    }

    [Theory]
    [InlineData(false, "Strict")]
    [InlineData(true, "Strict")]
    [InlineData(true, "Leased")]
    public async Task Those_who_ask_and_are_refused_most_are_listed(bool isShared, string decide)
    {
        await using var upstream = await Upstream.StartAsync();
        var start = () => LimitedEdge.StartAsync(isShared, upstream, ByField, decide: decide);
        await LimitedEdge.RunAsync(start, async limited =>
        {
            for (var i = 0; i < 6; i++)
            {
                await limited.AskAsync("loud");
            }

            await limited.AskAsync("quiet");
            var top = await limited.Edge.Admin.GetFromJsonAsync<JsonElement>("/v1/ratelimits/standard/top");
            var busiest = top.GetProperty("busiest").EnumerateArray().ToList();
            Assert.Equal(["header:loud", "header:quiet"], busiest.Select(key => key.GetProperty("key").GetString()));
            Assert.Equal(6, busiest[0].GetProperty("count").GetInt64());
            var refused = Assert.Single(top.GetProperty("refused").EnumerateArray());
            Assert.Equal("header:loud", refused.GetProperty("key").GetString());
            using var unknown = await limited.Edge.Admin.GetAsync("/v1/ratelimits/nothing/top");
            Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
        });
    }

    [Fact]
    public async Task The_rate_limits_in_effect_are_listed_with_their_routes_and_without_a_key_of_a_client()
    {
        var hash = new string('a', 64);
        await using var edge = await Edge.StartAsync($$"""
            "Clients": { "ApiKey": { "Keys": {
              "acme": { "Sha256": "{{hash}}", "Plan": "gold", "RateLimits": { "standard": { "Unlimited": true } } } } } },
            "RateLimits": {
              "standard": { "Limits": [ { "Name": "sec", "Capacity": "20", "Refill": 10, "Every": "1s" } ],
                            "Plans": { "gold": { "Limits": [ { "Name": "sec", "Capacity": 200, "Refill": 100, "Every": "1m" } ] } } },
              "by-tenant": { "Per": "header:X-Tenant", "Mode": "shadow", "Decide": "Strict", "OnStoreOutage": "Closed", "Headers": "None",
                             "Limits": [ { "Name": "day", "Capacity": 5, "Refill": 5, "Every": "1d" } ] }
            },
            "ReverseProxy": {
              "Routes": {
                "b": { "ClusterId": "up", "Match": { "Path": "/b" }, "RateLimits": [ "Standard", "by-tenant" ] },
                "a": { "ClusterId": "up", "Match": { "Path": "/a" }, "RateLimiterPolicy": "standard" },
                "c": { "ClusterId": "up", "Match": { "Path": "/c" } } },
              "Clusters": { "up": { "Destinations": { "a": { "Address": "http://127.0.0.1:1/" } } } }
            }
            """);

        var answer = await edge.Admin.GetStringAsync("/v1/ratelimits");

        Assert.DoesNotContain(hash, answer);
        Assert.True(JsonElement.DeepEquals(JsonDocument.Parse("""
            [ { "name": "by-tenant", "per": "Header:X-Tenant",
                "limits": [ { "name": "day", "capacity": 5, "refill": 5, "every": "1.00:00:00" } ], "plans": {}, "clients": {},
                "mode": "Shadow", "headers": "None", "decide": "Strict", "onStoreOutage": "Closed", "routes": [ "b" ] },
              { "name": "standard", "per": "Client",
                "limits": [ { "name": "sec", "capacity": 20, "refill": 10, "every": "00:00:01" } ],
                "plans": { "gold": { "unlimited": false,
                  "limits": [ { "name": "sec", "capacity": 200, "refill": 100, "every": "00:01:00" } ] } },
                "clients": { "acme": { "unlimited": true, "limits": [] } },
                "mode": "Enforce", "headers": "Draft", "decide": "Leased", "onStoreOutage": "Local", "routes": [ "a", "b" ] } ]
            """).RootElement, JsonDocument.Parse(answer).RootElement), answer);
    }

    [Fact]
    public async Task Without_its_store_a_bucket_is_not_guessed_at()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var limited = await LimitedEdge.StartAsync(true, upstream, Hourly);
        await limited.Redis!.KillAsync();

        await Wait.UntilAsync(async () =>
        {
            using var answer = await limited.Edge.Admin.GetAsync("/v1/ratelimits/standard/buckets/127.0.0.1");
            return answer.StatusCode == HttpStatusCode.ServiceUnavailable
                && (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString() == "rate_limiter_unavailable";
        }, "the admin API says that the store is away");
    }

    private static Task<JsonElement> LookAsync(LimitedEdge limited, string key) =>
        limited.Edge.Admin.GetFromJsonAsync<JsonElement>("/v1/ratelimits/standard/buckets/" + key);

    private static double Limit(JsonElement bucket, string value) => bucket.GetProperty("limits")[0].GetProperty(value).GetDouble();
}
