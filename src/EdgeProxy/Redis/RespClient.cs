using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using EdgeProxy.Configuration;
using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>
/// A connection for a question or two, for what the client library does not do without blocking threads of the pool, or does not tell:
/// which server Sentinels say is the primary, and why a server does not let anybody in. Never on a request's way.
/// </summary>
internal sealed class RespClient : IAsyncDisposable
{
    private const int LongestReply = 16 * 1024;

    private readonly Socket _socket;
    private readonly Stream _stream;
    private readonly byte[] _buffer = new byte[LongestReply];
    private int _start;
    private int _end;

    private RespClient(Socket socket, Stream stream)
    {
        _socket = socket;
        _stream = stream;
    }

    /// <summary>Connects, with TLS where <paramref name="options"/> say so. Throws what the socket or TLS has to say.</summary>
    public static async Task<RespClient> ConnectAsync(
        EndPoint endpoint, ConfigurationOptions options, StoreTlsOptions? tls, StoreNames names, CancellationToken cancellation)
    {
        var resolved = await names.GetSocketConnectEndpointAsync(endpoint, cancellation);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(resolved!, cancellation);
            Stream stream = new NetworkStream(socket);
            if (options.Ssl)
            {
                var secure = new SslStream(stream, false, StoreTls.ValidationOf(tls), StoreTls.SelectionOf(tls));
                stream = secure;
                await secure.AuthenticateAsClientAsync(
                    new SslClientAuthenticationOptions { TargetHost = options.SslHost ?? HostOf(endpoint) }, cancellation);
            }

            return new RespClient(socket, stream);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>What the server says of its own accord: it does when it has no place for a client. Null: nothing for now.</summary>
    public async Task<string?> GreetingAsync(TimeSpan patience, TimeProvider time, CancellationToken cancellation)
    {
        using var over = new CancellationTokenSource(patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellation);
        try
        {
            return await ReadLineAsync(both.Token);
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Asks; the texts of the reply. An error of the server is thrown as <see cref="RespException"/>.</summary>
    public async Task<IReadOnlyList<string?>> AskAsync(CancellationToken cancellation, params string[] words)
    {
        var command = new StringBuilder().Append(CultureInfo.InvariantCulture, $"*{words.Length}\r\n");
        foreach (var word in words)
        {
            command.Append(CultureInfo.InvariantCulture, $"${Encoding.UTF8.GetByteCount(word)}\r\n{word}\r\n");
        }

        await _stream.WriteAsync(Encoding.UTF8.GetBytes(command.ToString()), cancellation);
        var texts = new List<string?>();
        await ReadAsync(texts, cancellation);
        return texts;
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _socket.Dispose();
    }

    private static string HostOf(EndPoint endpoint) =>
        endpoint is DnsEndPoint name ? name.Host : endpoint is IPEndPoint address ? address.Address.ToString() : "";

    private async Task ReadAsync(List<string?> texts, CancellationToken cancellation)
    {
        for (var left = 1; left > 0; left--)
        {
            var line = await ReadLineAsync(cancellation);
            switch (line[0])
            {
                case '-':
                    throw new RespException(line[1..]);
                case '*':
                    left += Math.Max(0, Length(line));
                    break;
                case '$' when Length(line) is var length and >= 0:
                    texts.Add(Encoding.UTF8.GetString((await ReadBytesAsync(length + 2, cancellation)).Span[..length]));
                    break;
                case '$' or '_':
                    texts.Add(null);
                    break;
                default:
                    texts.Add(line[1..]);
                    break;
            }
        }
    }

    private static int Length(string line) =>
        int.TryParse(line.AsSpan(1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var length)
            ? Math.Min(length, LongestReply)
            : throw new IOException("no reply that could be read");

    private async Task<string> ReadLineAsync(CancellationToken cancellation)
    {
        int length;
        while ((length = _buffer.AsSpan(_start, _end - _start).IndexOf("\r\n"u8)) < 0)
        {
            await FillAsync(cancellation);
        }

        var line = Encoding.UTF8.GetString(_buffer, _start, length);
        _start += length + 2;
        return line.Length > 0 ? line : throw new IOException("no reply that could be read");
    }

    private async Task<ReadOnlyMemory<byte>> ReadBytesAsync(int length, CancellationToken cancellation)
    {
        while (_end - _start < length)
        {
            await FillAsync(cancellation);
        }

        _start += length;
        return _buffer.AsMemory(_start - length, length);
    }

    private async Task FillAsync(CancellationToken cancellation)
    {
        var got = _end < _buffer.Length ? await _stream.ReadAsync(_buffer.AsMemory(_end), cancellation) : 0;
        _end += got > 0 ? got : throw new IOException(_end < _buffer.Length ? "the connection was closed" : "a reply that is too long");
    }
}

/// <summary>A server's own words for what it refuses.</summary>
internal sealed class RespException(string message) : Exception(message);
