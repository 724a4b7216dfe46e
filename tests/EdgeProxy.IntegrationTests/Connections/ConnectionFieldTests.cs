using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Connections;

/// <summary>`Connection` on HTTP/1.1: what it nominates goes no further, beside other options; what is no option means nothing.</summary>
public sealed class ConnectionFieldTests
{
    [Theory]
    [InlineData("X-Secret")]
    [InlineData("close, X-Secret")]
    [InlineData("X-Secret, close")]
    [InlineData("keep-alive, X-Secret")]
    [InlineData("keep-alive,,\tx-secret ,")]
    [InlineData("Keep-Alive, X-Secret, foo")]
    [InlineData("X-Secret|close")]
    [InlineData("close|X-Secret")]
    [InlineData("keep-alive|X-Secret")]
    [InlineData("X-Secret|keep-alive")]
    [InlineData("keep-alive; timeout=5, X-Secret")]
    public async Task A_nominated_field_of_a_request_goes_no_further(string options)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);
        var lines = string.Concat(options.Split('|').Select(line => $"Connection: {line}\r\n"));

        await client.SendAsync($"GET / HTTP/1.1\r\nHost: a\r\n{lines}X-Secret: 1\r\nX-Other: 2\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 204", await client.ReadHeadAsync(), StringComparison.Ordinal);

        var head = Assert.Single(upstream.Heads);
        Assert.DoesNotContain("X-Secret", head, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("X-Other: 2", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_field_that_an_upgrade_nominates_goes_no_further()
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, X-Secret\r\nUpgrade: tcp\r\nX-Secret: 1\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 101", await client.ReadHeadAsync(), StringComparison.Ordinal);

        Assert.DoesNotContain("X-Secret", Assert.Single(upstream.Heads), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("\"X-Secret\"")]
    [InlineData("keep-alive; timeout=5")]
    [InlineData("a b")]
    [InlineData("@")]
    [InlineData("close;")]
    [InlineData(";")]
    [InlineData("x=y")]
    [InlineData("Content-Type, Content-Language")]
    public async Task An_odd_option_fails_neither_a_request_nor_a_response(string option)
    {
        await using var upstream = RawUpstream.Answering(
            $"HTTP/1.1 200 OK\r\nConnection: {option}\r\nContent-Language: en\r\nContent-Length: 2\r\n\r\nok");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.SendAsync($"GET / HTTP/1.1\r\nHost: a\r\nConnection: {option}\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200", await client.ReadHeadAsync(), StringComparison.Ordinal);
        await client.ReadUntilAsync("ok");
    }

    /// <summary>A connection is used again where nothing but what never goes on is nominated.</summary>
    [Theory]
    [InlineData("HTTP/1.1", "TE")]
    [InlineData("HTTP/1.1", "keep-alive, TE")]
    [InlineData("HTTP/1.0", "keep-alive")]
    public async Task A_connection_that_nominates_nothing_else_is_kept(string version, string options)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        for (var i = 0; i < 2; i++)
        {
            await client.SendAsync($"GET / {version}\r\nHost: a\r\nTE: trailers\r\nConnection: {options}\r\n\r\n");
            Assert.StartsWith("HTTP/1.1 204", await client.ReadHeadAsync(), StringComparison.Ordinal);
        }
    }
}
