using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>Both ends of a WebSocket.</summary>
internal static class WebSocketPeers
{
    private const string Handshake = "GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    /// <summary>A server whose WebSockets are handed to the test.</summary>
    public static Task<Upstream> UpstreamAsync(Func<WebSocket, HttpContext, Task> talk) => Upstream.StartAsync(async context =>
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync(
            context.WebSockets.WebSocketRequestedProtocols is [var first, ..] ? first : null);
        await talk(socket, context);
    });

    /// <summary>A server that sends every message back, and every Close.</summary>
    public static Task<Upstream> EchoAsync() => UpstreamAsync(async (socket, _) =>
    {
        var buffer = new byte[100_000];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer, Wait.Deadline);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                var status = socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure;
                await socket.CloseOutputAsync(status, socket.CloseStatusDescription, Wait.Deadline);
                return;
            }

            await socket.SendAsync(buffer.AsMemory(0, part.Count), part.MessageType, part.EndOfMessage, Wait.Deadline);
        }
    });

    /// <summary>A server that answers the handshake and then leaves every byte to the test.</summary>
    public static RawUpstream RawUpstream(Func<RawConnection, Task> talk) => Peers.RawUpstream.Start(async connection =>
    {
        var head = await connection.ReadHeadAsync() ?? "";
        var key = head.Split("\r\n").First(line => line.StartsWith("Sec-WebSocket-Key:", StringComparison.OrdinalIgnoreCase))[18..].Trim();
#pragma warning disable CA5350 // the WebSocket handshake is defined with SHA-1
        var accept = Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350
        await connection.SendAsync(
            $"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
        await talk(connection);
    });

    public static async Task<ClientWebSocket> ConnectAsync(Edge edge, Action<ClientWebSocketOptions>? options = null, int version = 1)
    {
        var client = new ClientWebSocket();
        client.Options.HttpVersion = version == 2 ? HttpVersion.Version20 : HttpVersion.Version11;
        client.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        options?.Invoke(client.Options);
        var uri = new Uri(edge.Address.Replace("http:", "ws:", StringComparison.Ordinal) + "/ws");
        await client.ConnectAsync(uri, edge.Client, Wait.Deadline);
        return client;
    }

    /// <summary>A client that asks by extended CONNECT where <paramref name="version"/> is 2.</summary>
    public static async Task<ClientWebSocket> ConnectAsync(
        Edge edge, Version version, HttpMessageInvoker invoker, Action<ClientWebSocketOptions>? options = null)
    {
        var client = new ClientWebSocket();
        client.Options.HttpVersion = version;
        client.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        options?.Invoke(client.Options);
        await client.ConnectAsync(new Uri(edge.Address.Replace("http:", "ws:", StringComparison.Ordinal) + "/ws"), invoker, Wait.Deadline);
        return client;
    }

    /// <summary>A client whose frames the test writes and reads itself.</summary>
    public static async Task<RawClient> ConnectRawAsync(Edge edge)
    {
        var connection = await RawClient.OpenAsync(edge.Uri);
        await connection.SendAsync(Handshake);
        Assert101(await connection.ReadHeadAsync());
        return connection;
    }

    /// <summary>One whole message, however many frames it came in.</summary>
    public static async Task<(WebSocketMessageType Type, byte[] Bytes)> ReceiveAsync(WebSocket socket)
    {
        using var message = new MemoryStream();
        var buffer = new byte[100_000];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer, Wait.Deadline);
            message.Write(buffer, 0, part.Count);
            if (part.EndOfMessage)
            {
                return (part.MessageType, message.ToArray());
            }
        }
    }

    public static Task SendAsync(WebSocket socket, string text) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, Wait.Deadline);

    /// <summary>A small frame as a server sends it.</summary>
    public static byte[] ServerFrame(byte first, string payload) =>
        [first, (byte)payload.Length, .. Encoding.Latin1.GetBytes(payload)];

    /// <summary>A small frame as a client sends it, under a mask.</summary>
    public static byte[] ClientFrame(byte first, string payload)
    {
        byte[] mask = [0x11, 0x22, 0x33, 0x44];
        var masked = Encoding.Latin1.GetBytes(payload).Select((value, at) => (byte)(value ^ mask[at % 4]));
        return [first, (byte)(0x80 | payload.Length), .. mask, .. masked];
    }

    private static void Assert101(string head)
    {
        if (!head.StartsWith("HTTP/1.1 101 ", StringComparison.Ordinal))
        {
            throw new InvalidOperationException("The handshake was refused: " + head);
        }
    }
}
