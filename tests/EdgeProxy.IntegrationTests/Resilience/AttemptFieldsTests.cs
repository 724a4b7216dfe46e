using System.Globalization;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>What a destination is told of the attempt that it sees.</summary>
public sealed class AttemptFieldsTests
{
    private const string Http2 = "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }";

    [Fact]
    public async Task Each_attempt_has_its_number_whatever_the_client_says()
    {
        var numbers = new List<string?>();
        await using var upstream = await Upstream.StartAsync(context =>
        {
            numbers.Add(context.Request.Headers["X-Edge-Attempt"]);
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"Retry\": { \"Attempts\": 3 }"));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Add("X-Edge-Attempt", "7");

        using var answer = await edge.Client.SendAsync(request);

        Assert.Equal(["1", "2", "3"], numbers);
    }

    [Theory]
    [InlineData(503, "")]
    [InlineData(0, "")]
    [InlineData(503, "\"NormalizeUpstreamErrors\": \"NonConforming\",")]
    public async Task Of_two_edges_in_a_row_the_one_behind_tries_again(int status, string route)
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync(status > 0 ? $"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" : "");
        });
        const string Three = "\"Retry\": { \"Attempts\": 3 }";
        await using var behind = await Edge.StartAsync(Edge.OneRoute(upstream.Address, route + Three));
        await using var before = await Edge.StartAsync(Edge.OneRoute(behind.Address + "/", Three));
        using var readings = new Readings(before);

        using var answer = await before.Client.GetAsync("/");

        Assert.Equal(status > 0 ? 503 : 502, (int)answer.StatusCode);
        Assert.Equal("3", Assert.Single(answer.Headers.GetValues("X-Edge-Attempt-Count")));
        Assert.Equal(3, upstream.Connections);
        Assert.Equal(1, readings["edgeproxy_retries_skipped_total{cluster=up,reason=retry_after}"]);
    }

    [Theory]
    [InlineData("", "20S", 20_000)]
    [InlineData("\"Timeout\": \"10s\"", "20S", 10_000)]
    [InlineData("\"Timeout\": \"10s\"", null, 10_000)]
    [InlineData("\"Timeout\": \"2d\"", null, 172_800_000)]
    public async Task A_gRPC_call_has_what_is_left_of_its_time(string route, string? asked, int most)
    {
        string? told = null;
        await using var upstream = await Upstream.StartAsync(
            context =>
            {
                told = context.Request.Headers["grpc-timeout"];
                context.Response.ContentType = "application/grpc";
                context.Response.Headers["grpc-status"] = "0";
                return Task.CompletedTask;
            }, HttpProtocols.Http2);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, route, Http2));
        using var client = new Http2Client(edge);
        var call = new ByteArrayContent([0, 0, 0, 0, 0]) { Headers = { ContentType = new("application/grpc") } };
        if (asked is not null)
        {
            call.Headers.TryAddWithoutValidation("grpc-timeout", asked);
        }

        using var answer = await client.SendAsync(HttpMethod.Post, "/", call);

        Assert.Matches("^[0-9]{1,8}[mS]$", told);
        var left = int.Parse(told.AsSpan(0, told!.Length - 1), CultureInfo.InvariantCulture) * (told[^1] == 'S' ? 1000 : 1);
        Assert.InRange(left, 1, most);
    }

    [Fact]
    public async Task A_call_without_a_time_and_a_request_that_is_no_call_have_none()
    {
        var told = new List<string?>();
        await using var upstream = await Upstream.StartAsync(context =>
        {
            told.Add(context.Request.Headers["grpc-timeout"]);
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"Timeout\": \"10s\""));
        await edge.Client.GetAsync("/");
        await using var other = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        await other.Client.PostAsync("/", new ByteArrayContent([0, 0, 0, 0, 0]) { Headers = { ContentType = new("application/grpc") } });

        Assert.Equal([null, null], told);
    }
}
