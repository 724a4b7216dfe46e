using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Requests;

/// <summary>A route that leads back to the edge ends by the number of hops.</summary>
public sealed class HopTests
{
    private const string Http2 = "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }";

    [Theory]
    [InlineData(null, "1")]
    [InlineData("4", "5")]
    [InlineData("9", "10")]
    [InlineData("3, 7", "8")]
    [InlineData("nonsense", "1")]
    [InlineData("-5", "1")]
    public async Task A_destination_is_told_how_many_edges_the_request_has_come_through(string? received, string expected)
    {
        foreach (var transforms in new[] { "", "\"Transforms\": [ { \"RequestHeadersAllowed\": \"X-Edge-Hops\" } ]" })
        {
            await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
            await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, transforms));
            using var request = new HttpRequestMessage(HttpMethod.Get, "/");
            request.Headers.TryAddWithoutValidation("X_Edge_Hops", "0");
            request.Headers.TryAddWithoutValidation("X-Edge-Hops", received ?? "0");
            Assert.Equal(HttpStatusCode.NoContent, (await edge.Client.SendAsync(request, Wait.Deadline)).StatusCode);
            var line = Assert.Single(Regex.Matches(upstream.Heads.Single(), "^X.Edge.Hops: (.*?)\r?$", RegexOptions.Multiline));
            Assert.Equal(expected, line.Groups[1].Value);
        }
    }

    [Theory]
    [InlineData("", "10", HttpStatusCode.LoopDetected)]
    [InlineData("", "4000", HttpStatusCode.LoopDetected)]
    [InlineData("\"Requests\": { \"MaxHops\": 2 }", "1", HttpStatusCode.NoContent)]
    [InlineData("\"Requests\": { \"MaxHops\": 2 }", "2", HttpStatusCode.LoopDetected)]
    public async Task A_request_that_has_come_through_too_many_is_refused(string section, string hops, HttpStatusCode status)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), section);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.TryAddWithoutValidation("X-Edge-Hops", hops);
        using var answer = await edge.Client.SendAsync(request, Wait.Deadline);
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal(status == HttpStatusCode.NoContent ? 1 : 0, upstream.Heads.Count);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData(Http2, false)]
    [InlineData(Http2, true)]
    public async Task A_loop_ends_with_an_error_of_its_own_and_no_breaker_counts_it(string cluster, bool isHttp2)
    {
        Uri? back = null;
        await using var relay = RawUpstream.Start(async connection =>
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Parse(back!.Host), back.Port);
            await Task.WhenAny(
                connection.Stream.CopyToAsync(client.GetStream()), client.GetStream().CopyToAsync(connection.Stream));
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(relay.Address, cluster: cluster));
        back = edge.Uri;
        using var http2 = new Http2Client(edge);
        for (var i = 0; i < 8; i++)
        {
            using var answer = isHttp2 ? await http2.SendAsync(HttpMethod.Get, "/") : await edge.Client.GetAsync("/", Wait.Deadline);
            Assert.Equal(HttpStatusCode.LoopDetected, answer.StatusCode);
            var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Wait.Deadline)).RootElement;
            Assert.Equal("loop_detected", problem.GetProperty("code").GetString());
        }
    }
}
