using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Protocols;

/// <summary>An answer that the upstream broke off never looks whole, and nothing is added to it.</summary>
public sealed class TruncationTests
{
    [Theory]
    [InlineData("Content-Length: 100\r\n\r\nonly this", "only this")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n", "9\r\nonly this\r\n")]
    public async Task Over_HTTP_1_1_the_connection_is_reset(string answer, string received)
    {
        var cut = new TaskCompletionSource();
        await using var upstream = Broken(answer, cut.Task);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: t\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 OK\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal(received, await client.ReadUntilAsync(received));
        cut.SetResult();
        Assert.Equal(("", true), await client.ReadToEndAsync());
    }

    [Fact]
    public async Task To_an_HTTP_1_0_client_the_end_is_a_reset_too()
    {
        var cut = new TaskCompletionSource();
        await using var upstream = Broken("Transfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n", cut.Task);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.0\r\nHost: t\r\n\r\n");

        await client.ReadUntilAsync("only this");
        cut.SetResult();
        Assert.Equal(("", true), await client.ReadToEndAsync());
    }

    [Theory]
    [InlineData("Content-Length: 100\r\n\r\nonly this")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n")]
    public async Task Over_HTTP_2_the_stream_is_reset_and_the_connection_lives(string answer)
    {
        var cut = new TaskCompletionSource();
        await using var upstream = Broken(answer, cut.Task);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), listen: Edge.Http2Only);
        using var request = new HttpRequestMessage(HttpMethod.Get, edge.Uri)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using var response = await edge.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await using var body = await response.Content.ReadAsStreamAsync();
        await body.ReadExactlyAsync(new byte[9]);
        cut.SetResult();
        var failure = await Assert.ThrowsAnyAsync<IOException>(async () => await body.CopyToAsync(Stream.Null));
        var reset = failure as HttpProtocolException ?? failure.InnerException as HttpProtocolException;
        Assert.NotNull(reset);
        Assert.Equal(2, reset.ErrorCode); // INTERNAL_ERROR: the cancel would be the client's own
    }

    private static RawUpstream Broken(string answer, Task cut) => RawUpstream.Start(async connection =>
    {
        await connection.ReadHeadAsync();
        await connection.SendAsync("HTTP/1.1 200 OK\r\n" + answer);
        await cut;
    });
}
