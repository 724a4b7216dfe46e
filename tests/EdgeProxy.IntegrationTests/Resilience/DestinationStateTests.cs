using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>Destinations that are drained, taken down, or given a share.</summary>
public sealed class DestinationStateTests
{
    private const string Sticky = "\"SessionAffinity\": { \"Enabled\": true, \"AffinityKeyName\": \"at\" }";

    [Fact]
    public async Task A_destination_that_drains_gets_the_requests_of_its_sessions_and_no_others()
    {
        await using var a = await Upstream.StartAsync("a");
        await using var b = await Upstream.StartAsync("b");
        await using var edge = await Edge.StartAsync(Two(a, b, cluster: ", " + Sticky));
        var cookie = await CookieOfAsync(edge, "a");

        Assert.Equal(HttpStatusCode.OK, (await OrderAsync(edge, "a", "Draining")).StatusCode);
        Assert.Equal("a", await GetAsync(edge, cookie));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("b", await GetAsync(edge));
        }

        await OrderAsync(edge, "a", "Down");
        Assert.Equal("b", await GetAsync(edge, cookie));
    }

    [Fact]
    public async Task An_order_says_how_long_it_lasts_and_outlives_a_reload_about_something_else()
    {
        await using var a = await Upstream.StartAsync("a");
        await using var b = await Upstream.StartAsync("b");
        await using var edge = await Edge.StartAsync(Two(a, b));
        var answer = await OrderAsync(edge, "a", "draining");
        Assert.Contains("until a reload", await answer.Content.ReadAsStringAsync());

        await Reload.ApplyAsync(edge, Two(a, b, cluster: ", \"LoadBalancingPolicy\": \"RoundRobin\""));
        Assert.Equal(("draining", true), await StateAsync(edge, 0));
        await Reload.ApplyAsync(edge, Two(a, b, destination: ", \"State\": \"Down\""));
        Assert.Equal(("down", false), await StateAsync(edge, 0));
        await Reload.ApplyAsync(edge, Two(a, b));
        Assert.Equal(("unknown", false), await StateAsync(edge, 0));
        Assert.Contains("edgeproxy_destinations{cluster=\"up\",state=\"draining\"} 0", await edge.Admin.GetStringAsync("/metrics"));
    }

    [Theory]
    [InlineData("", "Up", "unknown", "Draining")]
    [InlineData(", \"Weight\": 0", "Draining", "draining", "Up")]
    [InlineData(", \"State\": \"Down\"", "Down", "down", "Up")]
    public async Task An_order_to_do_what_is_configured_ends_the_last_one(
        string destination, string configured, string state, string other)
    {
        await using var a = await Upstream.StartAsync("a");
        await using var b = await Upstream.StartAsync("b");
        await using var edge = await Edge.StartAsync(Two(a, b, destination));
        await OrderAsync(edge, "a", other);
        Assert.True((await StateAsync(edge, 0)).Item2);

        var answer = await OrderAsync(edge, "a", configured);
        Assert.Contains("no order is left", await answer.Content.ReadAsStringAsync());
        Assert.Equal((state, false), await StateAsync(edge, 0));

        await OrderAsync(edge, "a", configured); // none to end
        Assert.Equal((state, false), await StateAsync(edge, 0));
    }

    [Fact]
    public async Task An_order_that_leaves_a_cluster_without_an_available_destination_says_so_once()
    {
        await using var a = await Upstream.StartAsync("a");
        await using var b = await Upstream.StartAsync("b");
        await using var edge = await Edge.StartAsync(Two(a, b));
        var log = Log.Of(edge);
        Assert.Null(await WarningAsync("a", "Draining"));
        Assert.Empty(log.Entries(LogLevel.Warning));

        Assert.Equal("no destination of the cluster is available", await WarningAsync("b", "Draining"));
        Assert.Equal("no destination of the cluster is available", await WarningAsync("b", "Down"));
        var said = Assert.Single(log.Entries(LogLevel.Warning));
        Assert.Contains("No destination of cluster up is available: the last one, b, was ordered to be Draining", said);

        Assert.Null(await WarningAsync("a", "Up"));

        async Task<string?> WarningAsync(string destination, string state)
        {
            using var answer = await OrderAsync(edge, destination, state);
            return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("warning").GetString();
        }
    }

    [Fact]
    public async Task Orders_to_nobody_and_orders_that_mean_nothing_are_refused()
    {
        await using var a = await Upstream.StartAsync("a");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(a.Address));
        Assert.Equal(HttpStatusCode.NotFound, (await OrderAsync(edge, "nobody", "Down")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await OrderAsync(edge, "a", "Sideways")).StatusCode);
        foreach (var state in (string[])["1", "+1", " 1", "-0", "Up,Draining", " Up"])
        {
            Assert.Equal(HttpStatusCode.BadRequest, (await OrderAsync(edge, "a", state)).StatusCode);
        }

        Assert.Equal(HttpStatusCode.BadRequest, (await OrderAsync(edge, "a", null)).StatusCode);
    }

    [Theory]
    [InlineData("""{ "state": 1 }""")]
    [InlineData("""{ "state": "Sideways" }""")]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("")]
    public async Task A_body_that_is_no_order_is_answered_as_such(string body)
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));
        using var answer = await edge.Admin.PutAsync(
            "/v1/clusters/up/destinations/a/state", new StringContent(body, null, "application/json"));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("invalid_body", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
    }

    [Fact]
    public async Task An_id_with_a_slash_or_an_escape_in_it_is_found_under_its_own_name()
    {
        await using var edge = await Edge.StartAsync("""
            "ReverseProxy": {
              "Routes": { "all": { "ClusterId": "a/b", "Match": { "Path": "/{**rest}" } } },
              "Clusters": { "a/b": { "Destinations": { "x%2Fy": { "Address": "http://127.0.0.1:1/" } } } }
            }
            """);
        Assert.Equal("a/b", (await edge.Admin.GetFromJsonAsync<JsonElement>("/v1/clusters/a%2Fb")).GetProperty("id").GetString());
        Assert.Equal(HttpStatusCode.NotFound, (await edge.Admin.GetAsync("/v1/clusters/a%252Fb")).StatusCode);

        var ordered = await edge.Admin.PutAsJsonAsync("/v1/clusters/a%2fb/destinations/x%252Fy/state?why=test", new { state = "Down" });
        Assert.Equal(HttpStatusCode.OK, ordered.StatusCode);
        Assert.Equal("x%2Fy", (await ordered.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("destination").GetString());
    }

    [Theory]
    [InlineData("\"State\": \"Down\"")]
    [InlineData("\"State\": \"Draining\"")]
    [InlineData("\"Weight\": 0")]
    public async Task A_destination_that_is_configured_away_gets_nothing(string destination)
    {
        await using var a = await Upstream.StartAsync("a");
        await using var b = await Upstream.StartAsync("b");
        await using var edge = await Edge.StartAsync(Two(a, b, destination: ", " + destination));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("b", await GetAsync(edge));
        }

        Assert.Equal(0, a.Hits);
    }

    [Fact]
    public async Task A_WebSocket_at_a_destination_that_drains_or_is_taken_down_goes_on()
    {
        await using var upstream = await WebSocketPeers.EchoAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await WebSocketPeers.ConnectAsync(edge);
        foreach (var state in new[] { "Draining", "Down" })
        {
            Assert.Equal(HttpStatusCode.OK, (await OrderAsync(edge, "a", state)).StatusCode);
            await WebSocketPeers.SendAsync(client, state);
            var (_, bytes) = await WebSocketPeers.ReceiveAsync(client);
            Assert.Equal(state, System.Text.Encoding.UTF8.GetString(bytes));
        }
    }

    [Fact]
    public async Task With_nothing_up_the_answer_is_no_healthy_destination()
    {
        await using var a = await Upstream.StartAsync("a");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(a.Address));
        await OrderAsync(edge, "a", "Draining");
        using var answer = await edge.Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("no_healthy_destination", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Turns_are_shared_by_weight_and_in_flight_goes_back_to_nothing()
    {
        await using var a = await Upstream.StartAsync("a");
        await using var b = await Upstream.StartAsync("b");
        await using var edge = await Edge.StartAsync(
            Two(a, b, destination: ", \"Weight\": 3", cluster: ", \"LoadBalancingPolicy\": \"RoundRobin\""));
        for (var i = 0; i < 40; i++)
        {
            await GetAsync(edge);
        }

        Assert.Equal((30, 10), (a.Hits, b.Hits));
        await Wait.UntilAsync(
            async () => (await ClusterAsync(edge)).GetProperty("inFlight").GetInt32() == 0, "no request is counted as in flight");
    }

    [Fact]
    public async Task A_destination_that_joins_a_running_cluster_begins_with_a_tenth_of_its_share()
    {
        await using var a = await Upstream.StartAsync("a");
        await using var b = await Upstream.StartAsync("b");
        await using var edge = await Edge.StartAsync(
            Two(a, b, cluster: ", \"LoadBalancingPolicy\": \"RoundRobin\", \"SlowStart\": \"1h\""));
        for (var i = 0; i < 20; i++)
        {
            await GetAsync(edge);
        }

        Assert.Equal((10, 10), (a.Hits, b.Hits));
        await OrderAsync(edge, "a", "Down");
        await OrderAsync(edge, "a", "Up");
        for (var i = 0; i < 200; i++)
        {
            await GetAsync(edge);
        }

        Assert.InRange(a.Hits, 10, 10 + 40); // a tenth of its hundred turns
    }

    [Fact]
    public async Task A_value_of_a_field_stays_at_its_destination_and_without_it_the_client_does()
    {
        await using var a = await Upstream.StartAsync("a");
        await using var b = await Upstream.StartAsync("b");
        await using var edge = await Edge.StartAsync(
            Two(a, b, cluster: ", \"LoadBalancingPolicy\": \"ConsistentHash\", \"HashBy\": \"Header:Cookie\""));
        var first = await Task.WhenAll(Enumerable.Range(0, 30).Select(tenant => GetAsync(edge, $"tenant={tenant}")));
        var second = await Task.WhenAll(Enumerable.Range(0, 30).Select(tenant => GetAsync(edge, $"tenant={tenant}")));
        Assert.Equal(first, second);
        Assert.Equal(["a", "b"], first.Distinct().Order());
        Assert.Single((await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => edge.Client.GetStringAsync("/")))).Distinct());
    }

    private static string Two(Upstream a, Upstream b, string destination = "", string cluster = "") => $$"""
        "ReverseProxy": {
          "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" } } },
          "Clusters": { "up": { "Destinations": {
            "a": { "Address": "{{a.Address}}" {{destination}} }, "b": { "Address": "{{b.Address}}" } } {{cluster}} } }
        }
        """;

    private static Task<HttpResponseMessage> OrderAsync(Edge edge, string destination, string? state) =>
        edge.Admin.PutAsJsonAsync($"/v1/clusters/up/destinations/{destination}/state", new { state });

    private static Task<JsonElement> ClusterAsync(Edge edge) => edge.Admin.GetFromJsonAsync<JsonElement>("/v1/clusters/up");

    private static async Task<(string?, bool)> StateAsync(Edge edge, int index)
    {
        var destination = (await ClusterAsync(edge)).GetProperty("destinations")[index];
        return (destination.GetProperty("state").GetString(), destination.GetProperty("modeIsOrdered").GetBoolean());
    }

    private static async Task<string> GetAsync(Edge edge, string? cookie = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Add("Cookie", cookie ?? "none=1");
        using var answer = await edge.Client.SendAsync(request);
        return await answer.Content.ReadAsStringAsync();
    }

    /// <summary>The cookie of a session that is bound to the destination that answers <paramref name="body"/>.</summary>
    private static async Task<string> CookieOfAsync(Edge edge, string body)
    {
        string? cookie = null;
        await Wait.UntilAsync(async () =>
        {
            using var fresh = new HttpClient(new HttpClientHandler { UseCookies = false });
            using var answer = await fresh.GetAsync(edge.Uri);
            cookie = answer.Headers.GetValues("Set-Cookie").First().Split(';')[0];
            return await answer.Content.ReadAsStringAsync() == body;
        }, "a session begins there");
        return cookie!;
    }
}
