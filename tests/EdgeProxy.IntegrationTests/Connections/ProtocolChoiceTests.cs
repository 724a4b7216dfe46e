using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Connections;

/// <summary>One cleartext port, two protocols.</summary>
public sealed class ProtocolChoiceTests
{
    private const string Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    private const string EmptySettings = "\0\0\0\u0004\0\0\0\0\0";

    [Fact]
    public async Task A_preface_that_comes_byte_by_byte_begins_HTTP_2()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.TrickleAsync(Preface + EmptySettings);

        // The server's first frame is its SETTINGS: type 4 behind three bytes of length.
        Assert.Equal(4, (await client.ReadExactlyAsync(9))[3]);
    }

    [Fact]
    public async Task A_request_that_begins_like_the_preface_is_HTTP_1()
    {
        await using var upstream = await Upstream.StartAsync("fine");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.TrickleAsync("P");
        await client.TrickleAsync("UT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

        Assert.Equal(200, (await client.ReadToEndAsync()).Status);
    }

    [Theory]
    [InlineData("\u0087")] // https, from HPACK's static table
    [InlineData("\u0006\u0003wss")]
    [InlineData("\u0006\u0003ftp")]
    public async Task Another_scheme_than_the_connection_has_is_refused_on_HTTP_2(string scheme)
    {
        await using var upstream = await Upstream.StartAsync("fine");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        // HEADERS, END_STREAM and END_HEADERS, stream 1: GET, the scheme, /, :authority a.
        var block = $"\u0082{scheme}\u0084\u0041\u0001a";
        await client.SendAsync(Preface + EmptySettings + $"\0\0{(char)block.Length}\u0001\u0005\0\0\0\u0001{block}");

        await client.ReadUntilAsync("malformed_request");
        Assert.Equal(0, upstream.Hits);
    }
}
