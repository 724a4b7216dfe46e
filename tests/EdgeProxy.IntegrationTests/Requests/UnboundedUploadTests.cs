using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using EdgeProxy.IntegrationTests.Protocols;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Requests;

/// <summary>A stream has no size and no pace: the bounds of an upload are not for gRPC and upgraded connections.</summary>
public sealed class UnboundedUploadTests
{
    [Fact]
    public async Task A_slow_and_long_gRPC_stream_and_WebSocket_live_on_where_a_plain_upload_is_a_408()
    {
        const string Small = "\"Requests\": { \"BodyBytes\": 1000 }";
        await using var grpc = await GrpcUpstream.StartAsync();
        await using var echo = await WebSocketPeers.EchoAsync();
        await using var sink = await Upstream.StartAsync(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await context.Response.WriteAsync("all");
        });
        await using var calls = await Edge.StartAsync(Edge.OneRoute(grpc.Address, cluster:
            "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }"), Small);
        await using var sockets = await Edge.StartAsync(Edge.OneRoute(echo.Address), Small);
        await using var uploads = await Edge.StartAsync(Edge.OneRoute(sink.Address), Small);

        using var channel = GrpcChannel.ForAddress(calls.Address);
        using var call = new Talk.TalkClient(channel).Tell();
        await call.RequestStream.WriteAsync(new Words { Text = "a" });
        using var overOne = await WebSocketPeers.ConnectAsync(sockets);
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler());
        using var overTwo = await WebSocketPeers.ConnectAsync(sockets, HttpVersion.Version20, invoker);
        await WebSocketPeers.SendAsync(overOne, "a");
        await WebSocketPeers.SendAsync(overTwo, "a");

        // By the time that this one is ended, the three above have sent as little for longer.
        using var plain = await RawClient.OpenAsync(uploads.Uri);
        await plain.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
        var refused = await plain.ReadToEndAsync();
        Assert.Equal(408, refused.Status);
        Assert.Equal("request_timeout", refused.Code);

        var more = new string('b', 3000);
        await call.RequestStream.WriteAsync(new Words { Text = more });
        await call.RequestStream.CompleteAsync();
        Assert.Equal("a" + more, (await call).Text);
        foreach (var socket in new[] { overOne, overTwo })
        {
            await WebSocketPeers.SendAsync(socket, more);
            Assert.Equal("a"u8.ToArray(), (await WebSocketPeers.ReceiveAsync(socket)).Bytes);
            Assert.Equal(3000, (await WebSocketPeers.ReceiveAsync(socket)).Bytes.Length);
        }
    }
}
