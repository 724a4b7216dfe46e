using System.Net;
using System.Net.Sockets;
using System.Text;

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

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None, Wait.Deadline)..];
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
    public async Task<(string Left, bool Reset)> ReadToEndAsync()
    {
        try
        {
            while (await MoreAsync())
            {
            }

            return (Encoding.Latin1.GetString(_unread), false);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            return (Encoding.Latin1.GetString(_unread), true);
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
