using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using EdgeProxy.Configuration;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EdgeProxy.IntegrationTests.Configuration;

/// <summary>Asking a running edge about its configuration, and about a document.</summary>
public sealed class ConfigurationAdminTests
{
    private static readonly string AnyRoute = Edge.OneRoute("http://127.0.0.1:1/", "\"Timeout\": \"9s\"");

    [Theory]
    [InlineData("application/json")]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")] // what curl says when nobody tells it otherwise
    [InlineData(null)]
    public async Task A_document_is_checked_whatever_its_media_type_and_applied_never(string? mediaType)
    {
        await using var edge = await Edge.StartAsync(AnyRoute);
        var before = edge.Services.GetRequiredService<Revisions>().Current.Id;

        Assert.True((await CheckAsync(edge, $"{{ {AnyRoute} }}", mediaType)).GetProperty("valid").GetBoolean());
        Assert.False((await CheckAsync(edge, "{", mediaType)).GetProperty("valid").GetBoolean());

        Assert.Equal(before, edge.Services.GetRequiredService<Revisions>().Current.Id);
    }

    [Fact]
    public async Task A_check_tells_nothing_of_files()
    {
        await using var edge = await Edge.StartAsync(AnyRoute);
        var answers = new List<string>();
        foreach (var path in new[] { Path.Combine(edge.Folder, "edgeproxy.json"), Path.Combine(edge.Folder, "no-such-file") })
        {
            var listener = $$"""{ "Url": "https://127.0.0.1:0", "Certificates": [ { "Path": "{{path}}" } ] }""";
            answers.Add((await CheckAsync(edge, Edge.Document(AnyRoute, listen: listener), "application/json")).GetRawText());
        }

        Assert.Equal("""{"valid":true,"faults":[]}""", answers[0]);
        Assert.Equal(answers[0], answers[1]);
    }

    /// <summary>Its check takes seconds: each pattern is another one.</summary>
    private static string Laborious => $$"""
        { "ReverseProxy": { "Routes": { {{string.Join(',', Enumerable.Range(0, 20_000).Select(i =>
            $$""" "r{{i}}": { "ClusterId": "c", "Match": { "Path": "/{id:regex(^(a{{i}}|b)[a-z]{2,40}$)}/{{i}}" } } """))}} },
            "Clusters": { "c": { "Destinations": { "d": { "Address": "http://127.0.0.1:1/" } } } } } }
        """;

    [Fact]
    public async Task One_document_is_checked_at_a_time_and_no_longer_than_its_sender_waits()
    {
        await using var edge = await Edge.StartAsync(AnyRoute);
        using var enough = new CancellationTokenSource();
        var document = Laborious;
        var first = PostAsync();

        await Wait.UntilAsync(
            async () =>
            {
                first = first.IsCompleted ? PostAsync() : first; // one of the second kind was being checked when its turn came
                return await IsRefusedAsync(edge);
            },
            "the second document is refused while the first is checked");
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        await Wait.UntilAsync(async () => !await IsRefusedAsync(edge), "the place is free once the first has left");

        Task<HttpResponseMessage> PostAsync() => edge.Admin.PostAsync("/v1/config/check", new StringContent(document), enough.Token);
    }

    [Fact]
    public async Task A_document_that_is_still_being_sent_keeps_no_other_from_being_checked()
    {
        await using var edge = await Edge.StartAsync(AnyRoute);
        using var enough = new CancellationTokenSource();
        using var endless = new EndlessBody(1, TimeSpan.FromMilliseconds(20));
        var first = edge.Admin.PostAsync("/v1/config/check", endless, enough.Token);
        await Wait.UntilAsync(() => endless.Sent > 2, "the first document is on its way");

        Assert.True((await CheckAsync(edge, $"{{ {AnyRoute} }}", null)).GetProperty("valid").GetBoolean());

        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
    }

    [Fact]
    public async Task What_variables_hold_is_shown_nowhere()
    {
        const string Secret = "hunter2";
        const string Seconds = "4711";
        Environment.SetEnvironmentVariable("ADMIN_TEST_SECRET", Secret);
        Environment.SetEnvironmentVariable("ADMIN_TEST_SECONDS", Seconds);
        const string Route = """
            "Match": { "Path": "/{**rest}", "Hosts": [ "${ADMIN_TEST_SECRET}.example", "b.example" ],
              "Headers": [ { "Name": "X-Key", "Values": [ "x", "${ADMIN_TEST_SECRET}" ] } ],
              "QueryParameters": [ { "Name": "k", "Values": [ "${ADMIN_TEST_SECRET}" ] } ] },
            "Transforms": [ { "RequestHeader": "Authorization", "Set": "Bearer ${ADMIN_TEST_SECRET}" } ],
            "Timeout": "${ADMIN_TEST_SECONDS}s", "Order": "${ADMIN_TEST_SECONDS}", "Owner": "${ADMIN_TEST_SECRET}",
            "Fallback": { "Static": { "Body": "${ADMIN_TEST_SECRET}", "ContentType": "text/${ADMIN_TEST_SECRET}" } },
            "MaxRequestBodySize": "${ADMIN_TEST_SECONDS}", "RateLimits": [ "p" ]
            """;
        const string Cluster = """
            "HealthCheck": { "Active": { "Enabled": true, "Path": "/${ADMIN_TEST_SECRET}", "Query": "?k=${ADMIN_TEST_SECRET}" } },
            "LoadBalancingPolicy": "ConsistentHash", "HashBy": "Header:X-${ADMIN_TEST_SECRET}",
            "HttpRequest": { "ActivityTimeout": "${ADMIN_TEST_SECONDS}s" }, "Timeouts": { "Connect": "${ADMIN_TEST_SECONDS}ms" },
            "SessionAffinity": { "Enabled": true, "AffinityKeyName": "${ADMIN_TEST_SECRET}" },
            "Destinations": { "d": { "Address": "http://127.0.0.1:1/${ADMIN_TEST_SECRET}",
                                     "Health": "http://127.0.0.1:1/${ADMIN_TEST_SECRET}", "Weight": "${ADMIN_TEST_WEIGHT:-711}" } }
            """;
        await using var edge = await Edge.StartAsync($$"""
            "RateLimits": { "p": { "Limits": [ { "Name": "l", "Capacity": "${ADMIN_TEST_SECONDS}", "Refill": 1, "Every": "1s" } ] } },
            "Clients": { "ApiKey": { "Keys": { "acme": { "Sha256": "{{new string('a', 64)}}", "RateLimits": { "p": {
              "Limits": [ { "Name": "l", "Capacity": "${ADMIN_TEST_SECONDS}", "Refill": 2, "Every": "1s" } ] } } } } } },
            "ReverseProxy": { "Routes": { "r": { "ClusterId": "c", {{Route}} } }, "Clusters": { "c": { {{Cluster}} } } }
            """);

        foreach (var path in new[] { "/v1/routes", "/v1/clusters", "/v1/clusters/c", "/v1/ratelimits", "/v1/config" })
        {
            var answer = await edge.Admin.GetStringAsync(path);
            Assert.DoesNotContain(Secret, answer, StringComparison.Ordinal);
            Assert.DoesNotContain(Seconds, answer, StringComparison.Ordinal);
            Assert.DoesNotContain("01:18:31", answer, StringComparison.Ordinal); // 4711 s
            Assert.DoesNotContain("00:00:04.711", answer, StringComparison.Ordinal);
        }

        var cluster = await edge.Admin.GetFromJsonAsync<JsonElement>("/v1/clusters/c");
        Assert.Equal("?k=${ADMIN_TEST_SECRET}", cluster.GetProperty("healthCheck").GetProperty("active").GetProperty("query").GetString());
        Assert.Equal("${ADMIN_TEST_WEIGHT:-711}", cluster.GetProperty("destinations")[0].GetProperty("weight").GetString());
        Assert.Equal("${ADMIN_TEST_SECONDS}ms", cluster.GetProperty("timeouts").GetProperty("connect").GetString());
        var route = (await edge.Admin.GetFromJsonAsync<JsonElement>("/v1/routes"))[0];
        Assert.Equal("Bearer ${ADMIN_TEST_SECRET}", route.GetProperty("transforms")[0].GetProperty("Set").GetString());
        Assert.Equal("b.example", route.GetProperty("hosts")[1].GetString());
        Assert.Equal("${ADMIN_TEST_SECONDS}ms", route.GetProperty("timeouts").GetProperty("connect").GetString());
    }

    [Fact]
    public async Task A_route_is_shown_with_its_conditions()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/").Replace("\"Path\": \"/{**rest}\"", """
            "Path": "/{**rest}",
            "Headers": [ { "Name": "X-Kind", "Values": [ "a", "b" ], "Mode": "HeaderPrefix", "IsCaseSensitive": true } ],
            "QueryParameters": [ { "Name": "v", "Mode": "Exists" } ]
            """, StringComparison.Ordinal));

        var route = (await edge.Admin.GetFromJsonAsync<JsonElement>("/v1/routes"))[0];

        Assert.Equal(
            """[{"name":"X-Kind","mode":"HeaderPrefix","values":["a","b"],"isCaseSensitive":true}]""",
            route.GetProperty("headers").GetRawText());
        Assert.Equal(
            """[{"name":"v","mode":"Exists","values":[],"isCaseSensitive":false}]""", route.GetProperty("queryParameters").GetRawText());
    }

    [Fact]
    public async Task A_cluster_that_does_not_exist_is_not_a_route_that_does_not_match()
    {
        await using var edge = await Edge.StartAsync(AnyRoute);

        using var answer = await edge.Admin.GetAsync("/v1/clusters/unknown");

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("not_found", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
    }

    private static async Task<bool> IsRefusedAsync(Edge edge)
    {
        using var content = new StringContent("{");
        using var second = await edge.Admin.PostAsync("/v1/config/check", content);
        var answer = await second.Content.ReadFromJsonAsync<JsonElement>();
        return second.StatusCode == HttpStatusCode.ServiceUnavailable && answer.GetProperty("code").GetString() == "overloaded";
    }

    private static async Task<JsonElement> CheckAsync(Edge edge, string document, string? mediaType)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(document));
        content.Headers.ContentType = mediaType is null ? null : new MediaTypeHeaderValue(mediaType);
        using var answer = await edge.Admin.PostAsync("/v1/config/check", content);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }
}
