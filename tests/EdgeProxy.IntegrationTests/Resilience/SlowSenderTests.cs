using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>Clients that do not send their requests as they should, to destinations that are well.</summary>
public sealed class SlowSenderTests
{
    private const int Clients = 20;

    [Fact]
    public async Task Clients_that_reset_in_the_middle_of_their_uploads_say_nothing_about_a_destination()
    {
        await using var upstream = await Upstream.StartAsync(Reading(TimeSpan.Zero, head: false));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        var log = Log.Of(edge);
        for (var i = 0; i < Clients; i++)
        {
            var hits = upstream.Hits;
            using var client = await RawClient.OpenAsync(edge.Uri);
            await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + new string('x', 50_000));
            await Wait.UntilAsync(() => upstream.Hits > hits, "the destination has the head");
            client.Reset();
        }

        await AllAreEndedAsync(edge, "client_disconnected");
        await AssertIsWellAsync(edge, log);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData(", \"Retry\": {}", false)]
    [InlineData("", true)]
    [InlineData(", \"Retry\": { \"Idempotent\": true }", true)]
    public async Task Clients_that_send_their_last_byte_when_time_is_nearly_over_say_nothing_about_a_destination(string retry, bool head)
    {
        await using var upstream = await Upstream.StartAsync(Reading(TimeSpan.FromSeconds(2), head));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"Timeout\": \"3s\"" + retry));
        var log = Log.Of(edge);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async _ =>
        {
            using var client = await RawClient.OpenAsync(edge.Uri);
            await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\n1");
            await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System); // the manner of this client
            await client.SendAsync("23");
            await client.ReadToEndAsync();
        }));

        await AllAreEndedAsync(edge, "deadline_exceeded");
        await AssertIsWellAsync(edge, log);
    }

    [Theory]
    [InlineData(3, true)]
    [InlineData(0, false)]
    public async Task A_destination_that_waits_in_vain_for_a_body_is_well_and_one_that_closes_at_once_is_not(int seconds, bool isWell)
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            while (await connection.ReadHeadAsync() is { } head)
            {
                if (head.StartsWith("POST", StringComparison.Ordinal))
                {
                    await Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System); // as long as it waits for a body
                    return;
                }

                await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        var log = Log.Of(edge);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async _ =>
        {
            using var client = await RawClient.OpenAsync(edge.Uri);
            await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
            var head = await client.ReadHeadAsync();
            head = head.StartsWith("HTTP/1.1 100", StringComparison.Ordinal) ? await client.ReadHeadAsync() : head;
            Assert.StartsWith("HTTP/1.1 50", head, StringComparison.Ordinal);
        }));

        if (isWell)
        {
            await AssertIsWellAsync(edge, log);
        }
        else
        {
            Assert.Contains(log.Entries(LogLevel.Warning), entry => entry.Contains("Breaker of", StringComparison.Ordinal));
        }
    }

    /// <summary>On a slow line there is a wait before each piece, and none that a destination would give up for.</summary>
    [Theory, InlineData("1.1"), InlineData("2")]
    public async Task A_destination_that_closes_in_the_middle_of_an_upload_that_comes_steadily_is_not_well(string version)
    {
        const int Pieces = 20;
        const int Piece = 8192;
        await using var upstream = await Upstream.StartAsync(
            async context =>
            {
                await context.Request.Body.ReadExactlyAsync(new byte[Pieces * Piece * 3 / 4], Wait.Deadline);
                context.Abort();
            },
            version == "2" ? HttpProtocols.Http2 : HttpProtocols.Http1);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, cluster: $$"""
                "HttpRequest": { "Version": "{{version}}", "VersionPolicy": "RequestVersionExact" }
                """));
        var log = Log.Of(edge);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async _ =>
        {
            using var client = await RawClient.OpenAsync(edge.Uri);
            await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
            for (var i = 0; i < Pieces; i++)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System); // the line of this client
                await client.SendAsync(new byte[Piece]);
            }

            Assert.StartsWith("HTTP/1.1 50", await client.ReadHeadAsync(), StringComparison.Ordinal);
        }));

        Assert.Contains(log.Entries(LogLevel.Warning), entry => entry.Contains("Breaker of", StringComparison.Ordinal));
    }

    /// <param name="head">The answer's head and half of its body come at once.</param>
    private static RequestDelegate Reading(TimeSpan answerAfter, bool head) => async context =>
    {
        if (context.Request.Method == "POST")
        {
            await context.Request.Body.CopyToAsync(Stream.Null, context.RequestAborted);
            if (head)
            {
                context.Response.ContentLength = 8;
                await context.Response.WriteAsync("half");
                await context.Response.Body.FlushAsync();
            }

            await Task.Delay(answerAfter, TimeProvider.System, context.RequestAborted);
        }
    };

    private static Task AllAreEndedAsync(Edge edge, string code) => Wait.UntilAsync(
        async () => (await edge.Admin.GetStringAsync("/metrics")).Contains(
            $"edgeproxy_errors_total{{code=\"{code}\",route=\"all\"}} {Clients}", StringComparison.Ordinal),
        "all are ended");

    private static async Task AssertIsWellAsync(Edge edge, Log log)
    {
        Assert.DoesNotContain(log.Entries(LogLevel.Warning), entry => entry.Contains("Breaker of", StringComparison.Ordinal));
        using var answer = await edge.Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }
}
