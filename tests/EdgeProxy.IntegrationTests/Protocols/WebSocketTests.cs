using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using EdgeProxy.IntegrationTests.Health;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Protocols;

/// <summary>WebSockets through the edge: nothing changed on the way, and an honest end when the upstream is gone.</summary>
public sealed class WebSocketTests
{
    [Fact]
    public async Task Text_binary_and_fragments_come_back_as_they_were_sent()
    {
        await using var upstream = await WebSocketPeers.EchoAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await WebSocketPeers.ConnectAsync(edge);

        await WebSocketPeers.SendAsync(client, "grüße");
        Assert.Equal((WebSocketMessageType.Text, "grüße"), Text(await WebSocketPeers.ReceiveAsync(client)));

        await client.SendAsync("one "u8.ToArray(), WebSocketMessageType.Text, endOfMessage: false, Wait.Deadline);
        await client.SendAsync("two "u8.ToArray(), WebSocketMessageType.Text, endOfMessage: false, Wait.Deadline);
        await client.SendAsync("three"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, Wait.Deadline);
        Assert.Equal((WebSocketMessageType.Text, "one two three"), Text(await WebSocketPeers.ReceiveAsync(client)));

        await client.SendAsync(new byte[] { 0, 255, 1 }, WebSocketMessageType.Binary, endOfMessage: true, Wait.Deadline);
        var (type, bytes) = await WebSocketPeers.ReceiveAsync(client);
        Assert.Equal(WebSocketMessageType.Binary, type);
        Assert.Equal([0, 255, 1], bytes);
    }

    [Fact]
    public async Task A_message_of_16_MiB_comes_back_whole()
    {
        await using var upstream = await WebSocketPeers.EchoAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await WebSocketPeers.ConnectAsync(edge);

        var message = RandomNumberGenerator.GetBytes(16 << 20);
        var sending = client.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, Wait.Deadline);
        var (_, echoed) = await WebSocketPeers.ReceiveAsync(client);
        await sending;
        Assert.True(message.AsSpan().SequenceEqual(echoed));
    }

    [Fact]
    public async Task The_subprotocol_is_agreed_end_to_end()
    {
        await using var upstream = await WebSocketPeers.EchoAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await WebSocketPeers.ConnectAsync(edge, options =>
        {
            options.AddSubProtocol("mqtt");
            options.AddSubProtocol("other");
        });
        Assert.Equal("mqtt", client.SubProtocol);
    }

    /// <summary>An ordinary end, whoever begins it, says nothing against the destination: five of them would put it out.</summary>
    [Theory]
    [InlineData("client", 1)]
    [InlineData("upstream", 1)]
    [InlineData("client", 2)]
    [InlineData("upstream", 2)]
    public async Task Close_codes_and_reasons_pass_both_ways(string begins, int version)
    {
        var seen = Channel.CreateUnbounded<(WebSocketCloseStatus?, string?)>();
        await using var upstream = await WebSocketPeers.UpstreamAsync(async (socket, _) =>
        {
            if (begins == "client")
            {
                await WebSocketPeers.ReceiveAsync(socket);
            }

            await socket.CloseOutputAsync((WebSocketCloseStatus)4002, "and I am tired", Wait.Deadline);
            if (begins == "upstream")
            {
                await WebSocketPeers.ReceiveAsync(socket);
            }

            seen.Writer.TryWrite((socket.CloseStatus, socket.CloseStatusDescription));
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: Watched));
        using var errors = new Readings(edge);
        using var gauges = new Readings(edge);
        for (var i = 0; i < 6; i++)
        {
            using var client = await WebSocketPeers.ConnectAsync(edge, version: version);
            if (begins == "upstream")
            {
                Assert.Equal(WebSocketMessageType.Close, (await WebSocketPeers.ReceiveAsync(client)).Type);
            }

            await client.CloseAsync((WebSocketCloseStatus)4001, "done here", Wait.Deadline);
            Assert.Equal(((WebSocketCloseStatus)4001, "done here"), await seen.Reader.ReadAsync(Wait.Deadline));
            Assert.Equal((WebSocketCloseStatus)4002, client.CloseStatus);
            Assert.Equal("and I am tired", client.CloseStatusDescription);
            await Wait.UntilAsync(() => gauges.Gauges()["edgeproxy_requests_in_flight{route=all}"] == 0, "the request has ended");
        }

        Assert.Equal("", string.Join(' ', errors.Counted("edgeproxy_errors_total")));
        Assert.Equal("healthy", (await ActiveHealthTests.DestinationAsync(edge)).GetProperty("passive").GetString());
    }

    [Fact]
    public async Task An_upstream_may_go_on_sending_after_the_client_has_closed_its_half()
    {
        await using var upstream = await WebSocketPeers.UpstreamAsync(async (socket, _) =>
        {
            await WebSocketPeers.ReceiveAsync(socket); // the Close
            await WebSocketPeers.SendAsync(socket, "still");
            await WebSocketPeers.SendAsync(socket, "here");
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Wait.Deadline);
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await WebSocketPeers.ConnectAsync(edge);

        await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Wait.Deadline);
        Assert.Equal("still", Text(await WebSocketPeers.ReceiveAsync(client)).Text);
        Assert.Equal("here", Text(await WebSocketPeers.ReceiveAsync(client)).Text);
        Assert.Equal(WebSocketMessageType.Close, (await WebSocketPeers.ReceiveAsync(client)).Type);
    }

    [Fact]
    public async Task Pings_pongs_and_reserved_bits_pass_byte_for_byte()
    {
        var ping = WebSocketPeers.ServerFrame(0x89, "are you there");
        var compressed = WebSocketPeers.ServerFrame(0xC1, "whatever an extension made of it");
        var pong = WebSocketPeers.ClientFrame(0x8A, "are you there");
        var atUpstream = new TaskCompletionSource<byte[]>();
        await using var upstream = WebSocketPeers.RawUpstream(async connection =>
        {
            await connection.SendAsync(ping);
            await connection.SendAsync(compressed);
            atUpstream.SetResult(await connection.ReadExactlyAsync(pong.Length));
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await WebSocketPeers.ConnectRawAsync(edge);

        Assert.Equal(ping, await client.ReadExactlyAsync(ping.Length));
        Assert.Equal(compressed, await client.ReadExactlyAsync(compressed.Length));
        await client.SendAsync(pong);
        Assert.Equal(pong, await atUpstream.Task);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_upstream_that_goes_without_a_word_is_reported_by_close_1011(bool crash)
    {
        await using var upstream = WebSocketPeers.RawUpstream(async connection =>
        {
            await connection.SendAsync(WebSocketPeers.ServerFrame(0x81, "hello"));
            await connection.ReadExactlyAsync(6 + "go".Length);
            if (crash)
            {
                connection.Reset();
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await WebSocketPeers.ConnectAsync(edge);
        Assert.Equal("hello", Text(await WebSocketPeers.ReceiveAsync(client)).Text);

        await WebSocketPeers.SendAsync(client, "go");
        Assert.Equal(WebSocketMessageType.Close, (await WebSocketPeers.ReceiveAsync(client)).Type);
        Assert.Equal(WebSocketCloseStatus.InternalServerError, client.CloseStatus);
        Assert.Equal("upstream_response_truncated", client.CloseStatusDescription);
        await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Wait.Deadline);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_reset_after_a_close_is_no_failure_and_one_without_is_but_says_nothing_of_the_destination(bool saysClose)
    {
        var last = WebSocketPeers.ServerFrame(saysClose ? (byte)0x88 : (byte)0x81, "\x03\xE8");
        await using var upstream = WebSocketPeers.RawUpstream(async connection =>
        {
            await connection.SendAsync(last);
            await connection.ReadExactlyAsync(1);
            connection.Reset(); // as of a server that has said what it had to, and reads no more
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var readings = new Readings(edge);
        var log = Log.Of(edge);
        for (var i = 0; i < 5; i++)
        {
            using var client = await WebSocketPeers.ConnectRawAsync(edge);
            Assert.Equal(last, await client.ReadExactlyAsync(last.Length));
            await client.SendAsync(WebSocketPeers.ClientFrame(0x88, "\x03\xE8"));
            await client.ReadToEndAsync();
        }

        Assert.Equal(saysClose, !readings.Counted("edgeproxy_errors_total").Any());
        Assert.DoesNotContain(log.Entries(LogLevel.Warning), entry => entry.Contains("Breaker of", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_upstream_that_goes_inside_a_frame_is_a_cut_and_no_byte_is_added()
    {
        await using var upstream = WebSocketPeers.RawUpstream(async connection =>
        {
            await connection.SendAsync(new byte[] { 0x82, 100, 1, 2, 3 });
            await connection.ReadExactlyAsync(1);
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await WebSocketPeers.ConnectRawAsync(edge);
        Assert.Equal([0x82, 100, 1, 2, 3], await client.ReadExactlyAsync(5));

        await client.SendAsync("x");
        var (rest, reset) = await client.ReadToEndAsync();
        Assert.Equal("", rest);
        Assert.True(reset);
    }

    [Fact]
    public async Task A_client_that_vanishes_is_noticed_by_the_upstream()
    {
        var gone = new TaskCompletionSource();
        await using var upstream = WebSocketPeers.RawUpstream(async connection =>
        {
            await connection.SendAsync(WebSocketPeers.ServerFrame(0x81, "hello"));
            await connection.DrainAsync();
            gone.SetResult();
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await WebSocketPeers.ConnectRawAsync(edge);
        await client.ReadExactlyAsync(7);

        client.Reset();
        await gone.Task.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task Another_upgrade_than_websocket_is_opaque()
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nraw");
            await connection.ReadExactlyAsync(1);
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("raw"u8.ToArray(), await client.ReadExactlyAsync(3));

        await client.SendAsync("x");
        Assert.Equal("", (await client.ReadToEndAsync()).Text);
    }

    private const string Watched = """
        "HealthCheck": { "Passive": { "Enabled": true, "Policy": "FailureRate" } },
        "Metadata": { "FailureRateHealthPolicy.RateLimit": "0.1", "FailureRateHealthPolicy.MinimalTotal": "5" }
        """;

    private static (WebSocketMessageType Type, string Text) Text((WebSocketMessageType Type, byte[] Bytes) message) =>
        (message.Type, Encoding.UTF8.GetString(message.Bytes));
}
