using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Leases;

/// <summary>Answers everything, and notes when the request of each number first arrived. Its paths are `/ROUTE/NUMBER`.</summary>
internal sealed class Upstream : IDisposable
{
    private static readonly byte[] Answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"u8.ToArray();

    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    public Upstream()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(512);
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>Timestamps of <see cref="Stopwatch"/> by number; 0: not arrived.</summary>
    public long[] Arrived { get; set; } = [];

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                var socket = await _listener.AcceptAsync();
                socket.NoDelay = true;
                _ = ServeAsync(socket);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        var buffer = new byte[8192];
        var filled = 0;
        try
        {
            while (await socket.ReceiveAsync(buffer.AsMemory(filled)) is var read and > 0)
            {
                filled += read;
                for (int end; (end = buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8)) >= 0;)
                {
                    Note(buffer.AsSpan(0, end));
                    buffer.AsSpan(end + 4, filled - end - 4).CopyTo(buffer);
                    filled -= end + 4;
                    await socket.SendAsync(Answer);
                }
            }
        }
        catch (SocketException)
        {
            // The edge was killed.
        }

        socket.Dispose();
    }

    private void Note(ReadOnlySpan<byte> head)
    {
        var now = Stopwatch.GetTimestamp();
        var path = head[(head.IndexOf((byte)' ') + 1)..];
        path = path[..path.IndexOf((byte)' ')];
        var arrived = Arrived;
        if (int.TryParse(path[(path.LastIndexOf((byte)'/') + 1)..], out var number) && number >= 0 && number < arrived.Length)
        {
            Interlocked.CompareExchange(ref arrived[number], now, 0);
        }
    }
}
