using System.Diagnostics.Metrics;
using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EdgeProxy.IntegrationTests.Protocols;

/// <summary>nginx, haproxy and Caddy, each before the edge and behind it: all that passes through the edge passes through them.</summary>
public sealed class RealProxiesTests
{
    private const int Large = 50_000_000;

    public static TheoryData<string, bool> Chains() => new()
    {
        { "nginx", true }, { "nginx", false }, { "haproxy", true }, { "haproxy", false }, { "caddy", true }, { "caddy", false },
    };

    /// <summary>Those that tell a connection's first request from the others.</summary>
    public static TheoryData<string, bool> Counting() => new()
    {
        { "nginx", true }, { "nginx", false }, { "haproxy", true }, { "haproxy", false },
    };

    [Theory, MemberData(nameof(Chains))]
    public async Task A_WebSocket_talks_and_closes(string proxy, bool before)
    {
        await using var chain = await Chain.StartAsync(proxy, before);
        using var client = new ClientWebSocket();
        client.Options.AddSubProtocol("mqtt");
        await client.ConnectAsync(new Uri($"ws://127.0.0.1:{chain.Entry.Port}/ws"), Wait.Deadline);

        Assert.Equal("mqtt", client.SubProtocol);
        await WebSocketPeers.SendAsync(client, "through all of it");
        Assert.Equal("through all of it"u8.ToArray(), (await WebSocketPeers.ReceiveAsync(client)).Bytes);
        var message = RandomNumberGenerator.GetBytes(2_000_000);
        var sending = client.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, Wait.Deadline);
        var (_, echoed) = await WebSocketPeers.ReceiveAsync(client);
        Assert.True(message.AsSpan().SequenceEqual(echoed));
        await sending;
        await client.CloseAsync((WebSocketCloseStatus)4001, "done", Wait.Deadline);
        Assert.Equal((WebSocketCloseStatus)4001, client.CloseStatus);
    }

    [Theory, MemberData(nameof(Chains))]
    public async Task Uploads_and_downloads_of_50_MB_arrive_whole(string proxy, bool before)
    {
        await using var chain = await Chain.StartAsync(proxy, before);
        var load = RandomNumberGenerator.GetBytes(Large);
        var hash = Convert.ToHexString(SHA256.HashData(load));
        foreach (var chunked in new[] { false, true })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/upload") { Content = new ByteArrayContent(load) };
            request.Headers.TransferEncodingChunked = chunked ? true : null;
            using var answer = await chain.Client.SendAsync(request);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal($"{hash} {(chunked ? "chunked" : Large)}", await answer.Content.ReadAsStringAsync());
        }

        var download = await chain.Client.GetByteArrayAsync("/download");
        Assert.Equal(Large, download.Length);
        Assert.DoesNotContain(download, value => value != 'd');
    }

    [Theory, MemberData(nameof(Chains))]
    public async Task Each_event_arrives_when_it_is_sent(string proxy, bool before)
    {
        await using var chain = await Chain.StartAsync(proxy, before);
        using var client = await RawClient.OpenAsync(chain.Entry);
        await client.SendAsync("GET /events HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\n\r\n");

        for (var i = 0; i < 3; i++)
        {
            await client.ReadUntilAsync($"data: {i}\n\n"); // the next one is sent only after this
            chain.Next.Release();
        }

        await client.ReadUntilAsync("0\r\n\r\n");
    }

    [Theory, MemberData(nameof(Counting))]
    public async Task Connections_are_used_again(string proxy, bool before)
    {
        await using var chain = await Chain.StartAsync(proxy, before);
        using var opened = new OpenedConnections(chain.Edge);
        var ends = new HashSet<string>();
        var last = "";
        for (var i = 0; i < 5; i++)
        {
            using var answer = await chain.Client.GetAsync("/");
            ends.Add(await answer.Content.ReadAsStringAsync());
            last = Assert.Single(answer.Headers.GetValues("X-On-Connection"));
        }

        Assert.Single(ends);
        Assert.NotEqual("1", last);
        Assert.Equal(1, opened.Count);
    }

    /// <summary>A client, a proxy before or behind the edge, the edge, and an upstream that says what arrived.</summary>
    private sealed class Chain : IAsyncDisposable
    {
        private readonly List<IAsyncDisposable> _parts = [];

        public Edge Edge { get; private set; } = null!;

        public Uri Entry { get; private set; } = null!;

        public HttpClient Client { get; private set; } = null!;

        /// <summary>Lets the upstream send its next event.</summary>
        public SemaphoreSlim Next { get; } = new(0);

        public static async Task<Chain> StartAsync(string proxy, bool before)
        {
            var chain = new Chain();
            var upstream = chain.Own(await Upstream.StartAsync(chain.AnswerAsync));
            if (before)
            {
                chain.Edge = chain.Own(await StartEdgeAsync(upstream.Address));
                chain.Entry = new Uri(chain.Own(await ProxyAsync(proxy, chain.Edge.Uri)).Address);
            }
            else
            {
                chain.Edge = chain.Own(await StartEdgeAsync(chain.Own(await ProxyAsync(proxy, new Uri(upstream.Address))).Address));
                chain.Entry = chain.Edge.Uri;
            }

            chain.Client = new HttpClient { BaseAddress = chain.Entry };
            return chain;
        }

        public async ValueTask DisposeAsync()
        {
            Client.Dispose();
            foreach (var part in Enumerable.Reverse(_parts))
            {
                await part.DisposeAsync();
            }

            Next.Dispose();
        }

        private static Task<Edge> StartEdgeAsync(string destination) =>
            Edge.StartAsync(Edge.OneRoute(destination), "\"Requests\": { \"BodyBytes\": 60000000 }");

        private static Task<ServerProcess> ProxyAsync(string proxy, Uri target) => proxy switch
        {
            "nginx" => ServerProcess.NginxBeforeAsync(target),
            "haproxy" => ServerProcess.HaproxyBeforeAsync(target),
            _ => ServerProcess.CaddyBeforeAsync(target),
        };

        private T Own<T>(T part)
            where T : IAsyncDisposable
        {
            _parts.Add(part);
            return part;
        }

        private async Task AnswerAsync(HttpContext context)
        {
            switch (context.Request.Path.Value)
            {
                case "/ws":
                    await EchoAsync(await context.WebSockets.AcceptWebSocketAsync(context.WebSockets.WebSocketRequestedProtocols[0]));
                    break;
                case "/upload":
                    var hash = Convert.ToHexString(await SHA256.HashDataAsync(context.Request.Body));
                    await context.Response.WriteAsync($"{hash} {context.Request.ContentLength?.ToString(null, null) ?? "chunked"}");
                    break;
                case "/download":
                    var piece = Enumerable.Repeat((byte)'d', 50_000).ToArray();
                    for (var sent = 0; sent < Large; sent += piece.Length)
                    {
                        await context.Response.Body.WriteAsync(piece);
                    }

                    break;
                case "/events":
                    context.Response.ContentType = "text/event-stream";
                    for (var i = 0; i < 3; i++)
                    {
                        await context.Response.WriteAsync($"data: {i}\n\n");
                        await Next.WaitAsync(context.RequestAborted);
                    }

                    break;
                default:
                    await context.Response.WriteAsync(context.Connection.Id);
                    break;
            }
        }

        private static async Task EchoAsync(WebSocket socket)
        {
            while (true)
            {
                var (type, bytes) = await WebSocketPeers.ReceiveAsync(socket);
                if (type == WebSocketMessageType.Close)
                {
                    await socket.CloseOutputAsync(socket.CloseStatus!.Value, socket.CloseStatusDescription, Wait.Deadline);
                    return;
                }

                await socket.SendAsync(bytes, type, endOfMessage: true, Wait.Deadline);
            }
        }
    }

    /// <summary>Connections that the edge has accepted for traffic since this began to count.</summary>
    private sealed class OpenedConnections : IDisposable
    {
        private readonly MeterListener _listener = new();
        private int _count;

        public OpenedConnections(Edge edge)
        {
            var factory = edge.Services.GetRequiredService<IMeterFactory>();
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "kestrel.active_connections" && ReferenceEquals(instrument.Meter.Scope, factory))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((_, change, _, _) => Interlocked.Add(ref _count, change > 0 ? 1 : 0));
            _listener.Start();
        }

        public int Count => Volatile.Read(ref _count);

        public void Dispose() => _listener.Dispose();
    }
}
