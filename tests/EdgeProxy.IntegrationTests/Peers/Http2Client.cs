using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>A client that speaks nothing but HTTP/2, and counts how many connections it needs for it.</summary>
internal sealed class Http2Client : IDisposable
{
    private readonly HttpClient _client;
    private int _connections;

    public Http2Client(Edge edge)
    {
        Handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellation) =>
            {
                Interlocked.Increment(ref _connections);
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        _client = new HttpClient(Handler)
        {
            BaseAddress = edge.Uri,
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
    }

    public SocketsHttpHandler Handler { get; }

    /// <summary>Connections opened so far.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Returns when the answer's head is here.</summary>
    public Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, HttpContent? content = null, CancellationToken? until = null) =>
        SendAsync(new HttpRequestMessage(method, path) { Content = content }, until);

    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken? until = null)
    {
        request.Version = HttpVersion.Version20;
        request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
        return _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, until ?? Wait.Deadline);
    }

    public void Dispose() => _client.Dispose();
}

/// <summary>A body of unknown length that goes on, piece by piece, until nobody takes it any more.</summary>
internal sealed class EndlessBody(int piece, TimeSpan pause) : HttpContent
{
    private volatile int _sent;

    /// <summary>Pieces that have been sent.</summary>
    public int Sent => _sent;

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        var bytes = new byte[piece];
        var deadline = Wait.Deadline;
        while (!deadline.IsCancellationRequested)
        {
            await stream.WriteAsync(bytes, deadline);
            await stream.FlushAsync(deadline);
            _sent++;
            if (pause > TimeSpan.Zero)
            {
                await Task.Delay(pause, TimeProvider.System, deadline);
            }
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = -1;
        return false;
    }
}
