using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Protocols;

/// <summary>Changes of protocol other than WebSockets: as they come, with the method that they come with.</summary>
public sealed class UpgradeTests
{
    [Theory]
    [InlineData("POST", "tcp", "tcp", "Content-Length: 0\r\n")] // attach of Docker
    [InlineData("POST", "SPDY/3.1", "SPDY/3.1", "Content-Length: 0\r\n")] // exec of kubectl
    [InlineData("GET", "my-own/2", "my-own/2", "")]
    [InlineData("GET", "first, my-own/2", "my-own/2", "")]
    [InlineData("PATCH", "Tcp", "tcp", "")]
    public async Task An_upgrade_passes_with_its_method_and_its_bytes(string method, string asked, string given, string field)
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync($"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {given}\r\n\r\nhello");
            await connection.SendAsync(await connection.ReadExactlyAsync(4));
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.SendAsync($"{method} /exec HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {asked}\r\n{field}\r\n");
        var head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 101", head, StringComparison.Ordinal);
        Assert.Contains($"Upgrade: {given}\r\n", head, StringComparison.Ordinal);
        await client.ReadUntilAsync("hello");
        await client.SendAsync("\0\u00ff\r\n");
        Assert.Equal([0, 0xFF, 13, 10], await client.ReadExactlyAsync(4));

        var sent = Assert.Single(upstream.Heads);
        Assert.StartsWith($"{method} /exec HTTP/1.1", sent, StringComparison.Ordinal);
        Assert.Contains($"Upgrade: {asked}", sent, StringComparison.Ordinal);
    }

    /// <summary>Requests that follow in HTTP would pass by all rules of the edge.</summary>
    [Theory]
    [InlineData("h2c")]
    [InlineData("H2C")]
    [InlineData("websocket, h2c")]
    [InlineData("my-own, HTTP/2.0")]
    [InlineData("h2")]
    public async Task An_upgrade_to_HTTP_itself_goes_no_further(string asked)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.SendAsync(
            $"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {asked}\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 204", await client.ReadHeadAsync(), StringComparison.Ordinal);

        var sent = Assert.Single(upstream.Heads);
        Assert.DoesNotContain("Upgrade", sent, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("HTTP2-Settings", sent, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task An_upgrade_that_is_not_accepted_leaves_an_ordinary_response()
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        for (var i = 0; i < 2; i++)
        {
            await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
            Assert.StartsWith("HTTP/1.1 200", await client.ReadHeadAsync(), StringComparison.Ordinal);
            await client.ReadUntilAsync("plain");
        }
    }
}
