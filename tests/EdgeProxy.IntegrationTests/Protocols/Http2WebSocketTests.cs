using System.Net;
using System.Net.WebSockets;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Protocols;

/// <summary>WebSockets by extended CONNECT (RFC 8441) toward servers that know only the handshake of HTTP/1.1.</summary>
public sealed class Http2WebSocketTests
{
    [Fact]
    public async Task Several_talk_at_once_on_one_connection_beside_a_request()
    {
        await using var upstream = await WebSocketPeers.EchoAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var peer = new Http2Client(edge);
        using var invoker = new HttpMessageInvoker(peer.Handler, disposeHandler: false);
        var sockets = new List<ClientWebSocket>();
        for (var i = 0; i < 5; i++)
        {
            sockets.Add(await WebSocketPeers.ConnectAsync(edge, HttpVersion.Version20, invoker));
        }

        for (var round = 0; round < 3; round++)
        {
            foreach (var socket in sockets)
            {
                await WebSocketPeers.SendAsync(socket, $"{sockets.IndexOf(socket)} in round {round}");
            }

            foreach (var socket in Enumerable.Reverse(sockets))
            {
                var (_, bytes) = await WebSocketPeers.ReceiveAsync(socket);
                Assert.Equal($"{sockets.IndexOf(socket)} in round {round}", System.Text.Encoding.UTF8.GetString(bytes));
            }
        }

        await sockets[2].CloseAsync((WebSocketCloseStatus)4001, "enough", Wait.Deadline);
        await WebSocketPeers.SendAsync(sockets[3], "still here");
        Assert.Equal("still here"u8.ToArray(), (await WebSocketPeers.ReceiveAsync(sockets[3])).Bytes);
        using var plain = await peer.SendAsync(HttpMethod.Get, "/");
        Assert.NotEqual(HttpStatusCode.BadGateway, plain.StatusCode);
        Assert.Equal(1, peer.Connections);
        sockets.ForEach(socket => socket.Dispose());
    }

    [Fact]
    public async Task The_subprotocol_is_agreed_end_to_end()
    {
        await using var upstream = await WebSocketPeers.EchoAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler());
        using var client = await WebSocketPeers.ConnectAsync(edge, HttpVersion.Version20, invoker, options =>
        {
            options.AddSubProtocol("mqtt");
            options.AddSubProtocol("other");
        });

        Assert.Equal("mqtt", client.SubProtocol);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==")] // of no meaning on HTTP/2, and sent all the same by some
    public async Task The_upstream_sees_one_whole_handshake_of_HTTP_1_1_and_the_client_nothing_of_it(string? key)
    {
        await using var upstream = WebSocketPeers.RawUpstream(connection => connection.DrainAsync());
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = new Http2Client(edge);
        using var invoker = new HttpMessageInvoker(client.Handler, disposeHandler: false);
        using var request = new HttpRequestMessage(HttpMethod.Connect, new Uri(edge.Uri, "/chat?room=1"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.Protocol = "websocket";
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Version", "13");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Protocol", "a, b");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Extensions", "permessage-deflate");
        request.Headers.TryAddWithoutValidation("Origin", "http://somewhere");
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("Sec-WebSocket-Key", key);
        }

        using var answer = await invoker.SendAsync(request, Wait.Deadline);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        foreach (var name in new[] { "Sec-WebSocket-Accept", "Upgrade", "Connection" })
        {
            Assert.False(answer.Headers.Contains(name), name);
        }

        var head = Assert.Single(upstream.Heads);
        Assert.StartsWith("GET /chat?room=1 HTTP/1.1\r\n", head, StringComparison.Ordinal);
        var fields = head.Split("\r\n").Skip(1).Select(line => line.Split(": ", 2)).ToLookup(
            parts => parts[0], parts => parts[1], StringComparer.OrdinalIgnoreCase);
        Assert.Equal("websocket", Assert.Single(fields["Upgrade"]), ignoreCase: true);
        Assert.Equal("Upgrade", Assert.Single(fields["Connection"]), ignoreCase: true);
        Assert.Equal(16, Convert.FromBase64String(Assert.Single(fields["Sec-WebSocket-Key"])).Length);
        Assert.NotEqual(key, fields["Sec-WebSocket-Key"].First());
        Assert.Equal("13", Assert.Single(fields["Sec-WebSocket-Version"]));
        Assert.Equal("a, b", Assert.Single(fields["Sec-WebSocket-Protocol"]));
        Assert.Equal("permessage-deflate", Assert.Single(fields["Sec-WebSocket-Extensions"]));
        Assert.Equal("http://somewhere", Assert.Single(fields["Origin"]));
        Assert.Empty(fields[":protocol"]);
        Assert.Empty(fields["Transfer-Encoding"]);
    }
}
