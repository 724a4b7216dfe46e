using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>One TCP connection whose bytes the test writes and reads itself, as Latin-1.</summary>
internal sealed class RawClient : IDisposable
{
    private readonly Socket _socket;
    private byte[] _unread = [];

    public RawClient(Socket socket) => _socket = socket;

    public static async Task<RawClient> OpenAsync(Uri address)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Parse(address.Host), address.Port);
        return new RawClient(socket);
    }

    /// <summary>Sends <paramref name="request"/> on a new connection and reads until the edge closes it.</summary>
    public static async Task<RawAnswer> ExchangeAsync(Uri address, string request)
    {
        using var client = await OpenAsync(address);
        await client.SendAsync(request);
        return await client.ReadToEndAsync();
    }

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None, Wait.Deadline)..];
        }
    }

    /// <summary>Sends each byte in a packet of its own.</summary>
    public async Task TrickleAsync(string text)
    {
        foreach (var one in Encoding.Latin1.GetBytes(text))
        {
            await SendAsync(new[] { one });
            await Task.Yield();
        }
    }

    /// <summary>Everything up to and including <paramref name="mark"/>.</summary>
    public async Task<string> ReadUntilAsync(string mark)
    {
        while (true)
        {
            var text = Encoding.Latin1.GetString(_unread);
            var end = text.IndexOf(mark, StringComparison.Ordinal);
            if (end >= 0)
            {
                _unread = _unread[(end + mark.Length)..];
                return text[..(end + mark.Length)];
            }

            if (!await MoreAsync())
            {
                throw new EndOfStreamException($"Ended before \"{mark}\", after: {text}");
            }
        }
    }

    public Task<string> ReadHeadAsync() => ReadUntilAsync("\r\n\r\n");

    public async Task<byte[]> ReadExactlyAsync(int count)
    {
        while (_unread.Length < count)
        {
            if (!await MoreAsync())
            {
                throw new EndOfStreamException($"Ended after {_unread.Length} of {count} bytes");
            }
        }

        var taken = _unread[..count];
        _unread = _unread[count..];
        return taken;
    }

    /// <summary>What is left until the peer closes, and whether it closed by a reset.</summary>
    public async Task<RawAnswer> ReadToEndAsync()
    {
        try
        {
            while (await MoreAsync())
            {
            }

            return new RawAnswer(Encoding.Latin1.GetString(_unread), WasReset: false);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            return new RawAnswer(Encoding.Latin1.GetString(_unread), WasReset: true);
        }
    }

    /// <summary>Ends our side; the peer can still send.</summary>
    public void HalfClose() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Ends with RST, as a crashed process does.</summary>
    public void Reset() => _socket.Close(0);

    public void Dispose() => _socket.Dispose();

    private async Task<bool> MoreAsync()
    {
        var buffer = new byte[65_536];
        var read = await _socket.ReceiveAsync(buffer, SocketFlags.None, Wait.Deadline);
        _unread = [.. _unread, .. buffer.AsSpan(0, read)];
        return read > 0;
    }
}

/// <summary>What a connection brought until it ended, and how it did.</summary>
internal sealed record RawAnswer(string Text, bool WasReset)
{
    public int Status => Text.Length > 12 ? int.Parse(Text.AsSpan(9, 3), CultureInfo.InvariantCulture) : 0;

    public string Head => Text[..(Text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 2)];

    public string Body => Text[(Text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];

    public JsonElement Problem => JsonDocument.Parse(Body).RootElement;

    public string? Code => Problem.GetProperty("code").GetString();
}
