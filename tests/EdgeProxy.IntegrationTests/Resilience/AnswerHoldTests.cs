using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>Short answers on routes with `Retry`: nothing of one goes to the client before it is whole.</summary>
public sealed class AnswerHoldTests
{
    private const string PerTry = ", \"Timeouts\": { \"PerTry\": \"300ms\" }";

    /// <summary>Destination `a` is asked first, `b` when it has been tried.</summary>
    private static string Two(
        string a, string b, string route = PerTry, string cluster = "", string budget = "\"ReservePerSecond\": 1000") => $$"""
        "ReverseProxy": {
          "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" }, "Retry": { "Attempts": 2 } {{route}} } },
          "Clusters": { "up": { "LoadBalancingPolicy": "FirstAlphabetical", "RetryBudget": { {{budget}} } {{cluster}},
            "Destinations": { "a": { "Address": "{{a}}" }, "b": { "Address": "{{b}}" } } } }
        }
        """;

    private static RawUpstream Half(Func<RawConnection, Task> then) => RawUpstream.Start(async connection =>
    {
        while (await connection.ReadHeadAsync() is not null)
        {
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nhalf");
            await then(connection);
        }
    });

    private static RawUpstream BreakingOff() => Half(connection =>
    {
        connection.Close();
        return Task.CompletedTask;
    });

    private static async Task SlowlyAsync(RawConnection connection)
    {
        foreach (var piece in "more")
        {
            await Task.Delay(TimeSpan.FromMilliseconds(400), TimeProvider.System);
            await connection.SendAsync($"{piece}");
        }
    }

    private static async Task<string?> CodeAsync(HttpResponseMessage answer) =>
        (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString();

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_short_answer_that_breaks_off_or_stalls_is_tried_again_and_counts_against_its_destination(bool stalls)
    {
        await using var a = stalls ? Half(connection => connection.StayAsync()) : BreakingOff();
        await using var b = await Upstream.StartAsync("whole");
        await using var edge = await Edge.StartAsync(
            Two(a.Address, b.Address, ", \"Timeouts\": { \"PerTry\": \"1s\" }", cluster: ", \"Ejection\": { \"Base\": \"5m\" }"),
            ManyClients.Trusted);
        using var readings = new Readings(edge);
        using var clients = ManyClients.InTurn(edge);
        for (var i = 0; i < 5; i++)
        {
            using var answer = await clients.GetAsync("/");
            Assert.Equal("whole", await answer.Content.ReadAsStringAsync());
            Assert.Equal(["2"], answer.Headers.GetValues("X-Edge-Attempt-Count"));
        }

        Assert.Equal(5, readings["edgeproxy_retries_total{cluster=up,reason=incomplete}"]);
        Assert.Equal("whole", await edge.Client.GetStringAsync("/"));
        Assert.Equal(5, a.Heads.Count); // five in a row have opened its breaker, and no four have
    }

    [Theory, InlineData("POST"), InlineData("PATCH")]
    public async Task What_must_not_be_sent_twice_is_not_and_is_an_error_when_its_answer_breaks_off(string method)
    {
        await using var a = BreakingOff();
        await using var b = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Two(a.Address, b.Address));
        using var request = new HttpRequestMessage(new HttpMethod(method), "/") { Content = new StringContent("body") };

        using var answer = await edge.Client.SendAsync(request);

        Assert.Equal("upstream_response_truncated", await CodeAsync(answer));
        Assert.Equal((1, 0), (a.Heads.Count, b.Hits));
    }

    [Fact]
    public async Task One_that_broke_off_and_cannot_be_tried_again_is_an_error_of_its_own()
    {
        await using var a = BreakingOff();
        await using var b = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Two(a.Address, b.Address, budget: "\"Ratio\": 0, \"ReservePerSecond\": 0"));
        using var readings = new Readings(edge);

        using var answer = await edge.Client.GetAsync("/");

        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Equal(
            ["edgeproxy_retries_skipped_total{cluster=up,reason=budget}"], readings.Counted("edgeproxy_retries_skipped_total"));
        Assert.Equal("upstream_response_truncated", await CodeAsync(answer));
    }

    [Fact]
    public async Task One_that_is_slow_and_cannot_be_tried_again_goes_on_piece_by_piece()
    {
        await using var a = Half(async connection =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds(900), TimeProvider.System);
            await connection.SendAsync("more");
        });
        await using var edge = await Edge.StartAsync(Two(a.Address, a.Address));

        using var answer = await edge.Client.GetAsync("/");

        Assert.Equal("halfmore", await answer.Content.ReadAsStringAsync());
        Assert.Equal("text/plain", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal(2, a.Heads.Count);
    }

    [Fact]
    public async Task Without_PerTry_one_that_is_slow_is_held_for_a_second_and_never_tried_again()
    {
        await using var a = Half(async connection =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds(1500), TimeProvider.System);
            await connection.SendAsync("more");
        });
        await using var b = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Two(a.Address, b.Address, route: ""));
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal("halfmore", await edge.Client.GetStringAsync("/"));
        }

        Assert.Equal((2, 1, 0), (a.Heads.Count, a.Connections, b.Hits));
    }

    [Fact]
    public async Task One_that_comes_piece_by_piece_is_no_silence_while_it_is_held()
    {
        await using var a = Half(SlowlyAsync);
        await using var b = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Two(
            a.Address, b.Address, route: ", \"Timeouts\": { \"PerTry\": \"5s\", \"Idle\": \"1s\" }"));

        Assert.Equal("halfmore", await edge.Client.GetStringAsync("/"));
        Assert.Equal((1, 0), (a.Heads.Count, b.Hits));
    }

    [Fact]
    public async Task One_that_goes_on_since_Idle_is_short_and_is_late_in_the_end_counts_against_its_destination()
    {
        await using var a = Half(SlowlyAsync);
        await using var b = await Upstream.StartAsync("whole");
        await using var edge = await Edge.StartAsync(Two(
            a.Address, b.Address, route: ", \"Timeout\": \"1m\", \"Timeouts\": { \"PerTry\": \"700ms\", \"Idle\": \"1s\" }",
            cluster: ", \"Ejection\": { \"Base\": \"5m\" }"), ManyClients.Trusted);
        using var clients = ManyClients.InTurn(edge);

        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => clients.GetStringAsync("/")));

        Assert.All(answers, answer => Assert.Equal("halfmore", answer));
        Assert.Equal("whole", await edge.Client.GetStringAsync("/"));
        Assert.Equal(5, a.Heads.Count); // five in a row have opened its breaker
    }

    [Fact]
    public async Task The_route_s_time_is_up_while_one_is_held()
    {
        await using var a = Half(connection => connection.StayAsync());
        await using var b = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Two(a.Address, b.Address, route: ", \"Timeout\": \"400ms\""));

        using var answer = await edge.Client.GetAsync("/");

        Assert.Equal(HttpStatusCode.GatewayTimeout, answer.StatusCode);
        Assert.Equal("deadline_exceeded", await CodeAsync(answer));
    }

    [Fact]
    public async Task What_has_a_length_and_no_body_is_whole()
    {
        await using var a = RawUpstream.Answering("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 1234\r\n\r\n");
        await using var b = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Two(a.Address, b.Address));
        for (var i = 0; i < 6; i++)
        {
            using var answer = await edge.Client.GetAsync("/");
            Assert.Equal(HttpStatusCode.NotModified, answer.StatusCode);
        }

        Assert.Equal((6, 0), (a.Heads.Count, b.Hits));
    }

    [Fact]
    public async Task Long_answers_and_answers_of_unknown_length_are_not_held()
    {
        foreach (var length in new[] { "Content-Length: 70000", "Transfer-Encoding: chunked" })
        {
            var go = new TaskCompletionSource();
            await using var a = RawUpstream.Start(async connection =>
            {
                await connection.ReadHeadAsync();
                await connection.SendAsync($"HTTP/1.1 200 OK\r\n{length}\r\n\r\n4\r\nhalf\r\n");
                await go.Task;
            });
            await using var edge = await Edge.StartAsync(Two(a.Address, a.Address, route: ", \"Timeout\": \"10m\""));

            using var answer = await edge.Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead);

            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            go.SetResult();
        }
    }
}
