using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>A client of HTTP/2 that sends exactly the frames it is told to. Fields are literals without Huffman coding.</summary>
internal sealed class RawHttp2(Stream stream) : IAsyncDisposable
{
    public const byte Data = 0, Headers = 1, ResetStream = 3, Settings = 4, GoAway = 7, WindowUpdate = 8;
    public const byte EndStream = 1, EndHeaders = 4;

    public static async Task<RawHttp2> ConnectAsync(Uri edge)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Parse(edge.Host), edge.Port, Wait.Deadline);
        Stream stream = new NetworkStream(socket, ownsSocket: true);
        var client = new RawHttp2(edge.Scheme == Uri.UriSchemeHttps ? await EncryptAsync(stream) : stream);
        await client.BeginAsync();
        return client;
    }

    /// <summary>Preface and empty SETTINGS.</summary>
    public async Task BeginAsync()
    {
        await stream.WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray(), Wait.Deadline);
        await SendAsync(Settings, 0, 0, []);
    }

    public Task SendAsync(byte type, byte flags, int streamId, byte[] payload) => SendAsync(Frame(type, flags, streamId, payload));

    public Task SendAsync(byte[] frames) => stream.WriteAsync(frames, Wait.Deadline).AsTask();

    public static byte[] Frame(byte type, byte flags, int streamId, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length << 8);
        (frame[3], frame[4]) = (type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), streamId);
        payload.CopyTo(frame, 9);
        return frame;
    }

    /// <summary>GET / of http://a with more fields, as one HEADERS frame that ends the stream.</summary>
    public Task GetAsync(int streamId, params (string Name, string Value)[] fields) => SendAsync(
        Headers, EndStream | EndHeaders, streamId,
        Block([(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a"), .. fields]));

    public static byte[] Block(params (string Name, string Value)[] fields) =>
        [.. fields.SelectMany(field => (byte[])[0, .. Text(field.Name), .. Text(field.Value)])];

    public async Task<(byte Type, byte Flags, int StreamId, byte[] Payload)> ReadAsync()
    {
        var head = new byte[9];
        await stream.ReadExactlyAsync(head, Wait.Deadline);
        var payload = new byte[BinaryPrimitives.ReadInt32BigEndian(head) >>> 8];
        await stream.ReadExactlyAsync(payload, Wait.Deadline);
        return (head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)), payload);
    }

    /// <summary>Error code of the next RST_STREAM or GOAWAY.</summary>
    public async Task<(byte Type, int Code)> ReadErrorAsync()
    {
        while (true)
        {
            var (type, _, _, payload) = await ReadAsync();
            if (type is ResetStream or GoAway)
            {
                return (type, BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(type == GoAway ? 4 : 0)));
            }
        }
    }

    /// <summary>Error code of the next GOAWAY; streams may have ended before.</summary>
    /// <param name="onOther">Called for each frame before it.</param>
    public async Task<int> ReadGoAwayAsync(Action onOther)
    {
        while (true)
        {
            var (type, _, _, payload) = await ReadAsync();
            if (type == GoAway)
            {
                return BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(4));
            }

            onOther();
        }
    }

    /// <summary>Reads to the end of a stream, which is no RST_STREAM.</summary>
    public async Task ReadEndAsync(int streamId)
    {
        while (true)
        {
            var (type, flags, id, _) = await ReadAsync();
            if (type is ResetStream or GoAway)
            {
                throw new IOException($"Frame {type} came before the end of stream {streamId}");
            }

            if (id == streamId && type is Data or Headers && (flags & EndStream) != 0)
            {
                return;
            }
        }
    }

    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private static async Task<SslStream> EncryptAsync(Stream stream)
    {
        var tls = new SslStream(stream);
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                ApplicationProtocols = [SslApplicationProtocol.Http2],
                RemoteCertificateValidationCallback = (_, _, _, _) => true,
            },
            Wait.Deadline);
        return tls;
    }

    private static byte[] Text(string text) => text.Length < 127
        ? [(byte)text.Length, .. Encoding.Latin1.GetBytes(text)]
        : throw new ArgumentOutOfRangeException(nameof(text), "Longer than one byte of length can say.");
}
