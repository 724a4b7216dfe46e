using System.Net;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Errors;

/// <summary>An upstream that does not change to the protocol it is asked for is an answer, and never a silence.</summary>
public sealed class UpgradeErrorTests
{
    private const string Accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

    public static TheoryData<string> Other() =>
    [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" + Accept + "\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n" + Accept + "\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n\0\u0001garbage",
        "HTTP/1.1 101 Switching Protocols\r\nX: " + new string('\u0001', 50) + "\r\n\r\n",
    ];

    [Theory, MemberData(nameof(Other))]
    public async Task Over_HTTP_1_1_another_protocol_than_asked_for_is_a_502(string answer)
    {
        await using var upstream = Answering(answer);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.SendAsync("GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");

        var received = await client.ReadUntilAsync("}");
        Assert.StartsWith("HTTP/1.1 502 ", received, StringComparison.Ordinal);
        Assert.Contains("\"code\":\"upstream_upgrade_failed\"", received, StringComparison.Ordinal);
        Assert.DoesNotContain("Upgrade: ", received, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>To a client of HTTP/2 a 200 would say that its WebSocket is open.</summary>
    [Theory, MemberData(nameof(Other))]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + Accept + "\r\n")] // another's key
    public async Task Over_HTTP_2_another_protocol_than_asked_for_is_a_502(string answer)
    {
        await using var upstream = Answering(answer);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        using var refused = await ConnectAsync(edge);

        Assert.Equal(HttpStatusCode.BadGateway, refused.StatusCode);
        var problem = JsonDocument.Parse(await refused.Content.ReadAsStringAsync(Wait.Deadline)).RootElement;
        Assert.Equal("upstream_upgrade_failed", problem.GetProperty("code").GetString());
    }

    [Fact]
    public async Task What_an_upstream_answers_in_place_of_an_upgrade_is_passed_on()
    {
        await using var upstream = Answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        using var refused = await ConnectAsync(edge);

        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal("no", await refused.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.False(refused.Headers.Contains("Proxy-Status"));
    }

    [Fact]
    public async Task An_upgrade_that_the_protocol_of_the_cluster_does_not_have_is_a_502()
    {
        await using var upstream = await Upstream.StartAsync("hello");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster:
            "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }"));

        var answer = await RawClient.ExchangeAsync(
            edge.Uri, "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, close\r\nUpgrade: SPDY/3.1\r\n\r\n");

        Assert.Equal(502, answer.Status);
        Assert.Equal("upstream_upgrade_failed", answer.Code);
        Assert.Equal(0, upstream.Hits);
    }

    private static Task<HttpResponseMessage> ConnectAsync(Edge edge)
    {
        var request = new HttpRequestMessage(HttpMethod.Connect, "/ws")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.Protocol = "websocket";
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Version", "13");
        return edge.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Wait.Deadline);
    }

    /// <summary>Answers and keeps the connection, as one that waits for the other side to speak.</summary>
    private static RawUpstream Answering(string answer) => RawUpstream.Start(async connection =>
    {
        await connection.ReadHeadAsync();
        await connection.SendAsync(answer);
        await connection.DrainAsync();
    });
}
