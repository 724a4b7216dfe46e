using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>A destination of HTTP/2 that sends exactly the frames it is told to, and keeps the bodies that it was sent.</summary>
internal sealed class RawHttp2Upstream : IAsyncDisposable
{
    private readonly RawUpstream _upstream;
    private readonly ConcurrentQueue<byte[]> _bodies = [];

    private RawHttp2Upstream(Func<RawHttp2Server, Task> serve, byte[] settings, X509Certificate2? certificate) =>
        _upstream = RawUpstream.Start(async connection =>
        {
            var stream = certificate is null ? connection.Stream : await EncryptAsync(connection.Stream, certificate);
            var frames = new RawHttp2(stream);
            await stream.ReadExactlyAsync(new byte[24], Wait.Deadline); // the preface
            await frames.SendAsync(RawHttp2.Settings, 0, 0, settings);
            await serve(new RawHttp2Server(frames, connection, _bodies));
        });

    public string Address => _upstream.Address;

    public int Connections => _upstream.Connections;

    /// <summary>Of the requests that came whole, in their order.</summary>
    public IReadOnlyCollection<byte[]> Bodies => _bodies;

    /// <param name="serve">Serves a connection, whose preface and SETTINGS are through.</param>
    /// <param name="settings">Payload of its SETTINGS.</param>
    public static RawHttp2Upstream Start(Func<RawHttp2Server, Task> serve, params byte[] settings) => new(serve, settings, null);

    /// <summary>The same over TLS.</summary>
    public static RawHttp2Upstream Start(Func<RawHttp2Server, Task> serve, X509Certificate2 certificate) => new(serve, [], certificate);

    public ValueTask DisposeAsync() => _upstream.DisposeAsync();

    private static async Task<Stream> EncryptAsync(Stream stream, X509Certificate2 certificate)
    {
        var tls = new SslStream(stream);
        await tls.AuthenticateAsServerAsync(
            new SslServerAuthenticationOptions { ServerCertificate = certificate, ApplicationProtocols = [SslApplicationProtocol.Http2] },
            Wait.Deadline);
        return tls;
    }
}

/// <summary>One connection of a <see cref="RawHttp2Upstream"/>.</summary>
internal sealed class RawHttp2Server(RawHttp2 frames, RawConnection connection, ConcurrentQueue<byte[]> bodies)
{
    private static readonly byte[] Ok = [0x88]; // :status 200

    private readonly Dictionary<int, List<byte>> _open = [];

    /// <summary>From 1.</summary>
    public int Number => connection.Number;

    public RawConnection Connection => connection;

    public Task SendAsync(byte type, byte flags, int streamId, params byte[] payload) => frames.SendAsync(type, flags, streamId, payload);

    public Task GoAwayAsync(int lastStreamId, int code = 0) =>
        SendAsync(RawHttp2.GoAway, 0, 0, [0, 0, 0, (byte)lastStreamId, 0, 0, 0, (byte)code]);

    public Task ResetAsync(int streamId, byte code) => SendAsync(RawHttp2.ResetStream, 0, streamId, [0, 0, 0, code]);

    /// <summary>200 with a body of a few bytes.</summary>
    public async Task AnswerAsync(int streamId, params byte[] body)
    {
        await SendAsync(RawHttp2.Headers, RawHttp2.EndHeaders, streamId, Ok);
        await SendAsync(RawHttp2.Data, RawHttp2.EndStream, streamId, body);
    }

    /// <summary>The next frame of a kind that a test may want; acknowledges SETTINGS and pings, and widens windows.</summary>
    public async Task<(byte Type, byte Flags, int StreamId, byte[] Payload)> ReadAsync()
    {
        while (true)
        {
            var frame = await frames.ReadAsync();
            switch (frame.Type)
            {
                case RawHttp2.Settings when (frame.Flags & 1) == 0:
                    await SendAsync(RawHttp2.Settings, 1, 0);
                    break;
                case 6 when (frame.Flags & 1) == 0:
                    await SendAsync(6, 1, 0, frame.Payload);
                    break;
                case RawHttp2.Headers or RawHttp2.Data or RawHttp2.ResetStream:
                    return frame;
            }
        }
    }

    /// <summary>Reads a frame; true, and acknowledged, when it is a ping.</summary>
    public async Task<bool> ReadPingAsync()
    {
        var (type, flags, _, payload) = await frames.ReadAsync();
        if (type != 6 || (flags & 1) != 0)
        {
            return false;
        }

        await SendAsync(6, 1, 0, payload);
        return true;
    }

    /// <summary>Stream of the next request that is whole.</summary>
    public async Task<int> ReadRequestAsync()
    {
        while (true)
        {
            var (type, flags, id, payload) = await ReadAsync();
            if (type == RawHttp2.ResetStream)
            {
                _open.Remove(id);
                continue;
            }

            var body = _open.TryGetValue(id, out var begun) ? begun : _open[id] = [];
            if (type == RawHttp2.Data)
            {
                body.AddRange(payload);
            }

            if ((flags & RawHttp2.EndStream) != 0)
            {
                _open.Remove(id);
                bodies.Enqueue([.. body]);
                return id;
            }
        }
    }
}
