using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>A destination down at the socket: each connection is handled as the test says, byte by byte.</summary>
internal sealed class RawUpstream : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<RawConnection, Task> _serve;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<string> _heads = [];
    private int _connections;

    private RawUpstream(Func<RawConnection, Task> serve) => _serve = serve;

    public string Address => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/";

    public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndpoint;

    /// <summary>Connections accepted so far.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Request heads received so far: request line and fields as sent, in no order.</summary>
    public IReadOnlyCollection<string> Heads => _heads;

    public static RawUpstream Start(Func<RawConnection, Task> serve)
    {
        var upstream = new RawUpstream(serve);
        upstream._listener.Start();
        _ = upstream.AcceptAsync();
        return upstream;
    }

    /// <summary>Answers every request with the same bytes and keeps the connection.</summary>
    public static RawUpstream Answering(string answer) => Start(async connection =>
    {
        while (await connection.ReadHeadAsync() is not null)
        {
            await connection.SendAsync(answer);
        }
    });

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            TcpClient client;
            try
            {
                client = await _listener.AcceptTcpClientAsync(_stop.Token);
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }

            var number = Interlocked.Increment(ref _connections);
            _ = ServeAsync(new RawConnection(client, number, _heads, _stop.Token));
        }
    }

    private async Task ServeAsync(RawConnection connection)
    {
        try
        {
            await _serve(connection);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The edge has hung up, or the test is over.
        }
        finally
        {
            connection.Close();
        }
    }
}

/// <summary>One connection of a <see cref="RawUpstream"/>.</summary>
internal sealed class RawConnection(TcpClient client, int number, ConcurrentBag<string> heads, CancellationToken stop)
{
    private readonly NetworkStream _stream = client.GetStream();
    private readonly List<byte> _buffered = [];

    /// <summary>The connection itself, for whoever puts TLS on it.</summary>
    public Stream Stream => _stream;

    /// <summary>From 1.</summary>
    public int Number { get; } = number;

    /// <summary>Request line and fields, without the empty line; null when the edge has closed.</summary>
    public async Task<string?> ReadHeadAsync()
    {
        var bytes = new byte[4096];
        while (true)
        {
            var text = Encoding.Latin1.GetString([.. _buffered]);
            var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                _buffered.RemoveRange(0, end + 4);
                heads.Add(text[..end]);
                return text[..end];
            }

            var count = await _stream.ReadAsync(bytes, stop);
            if (count == 0)
            {
                return null;
            }

            _buffered.AddRange(bytes.AsSpan(0, count));
        }
    }

    /// <summary>Reads nothing more and keeps the connection until the test ends.</summary>
    public Task StayAsync() => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop);

    /// <summary>Reads and forgets until the edge closes or <paramref name="atLeast"/> bytes have come; how many did.</summary>
    public async Task<long> DrainAsync(long atLeast = long.MaxValue)
    {
        var bytes = new byte[65536];
        long total = _buffered.Count;
        _buffered.Clear();
        while (total < atLeast && await _stream.ReadAsync(bytes, stop) is var count and > 0)
        {
            total += count;
        }

        return total;
    }

    /// <summary>Bytes of a body, or of whatever follows an upgrade; throws when the edge closes before.</summary>
    public async Task<byte[]> ReadExactlyAsync(int count)
    {
        var bytes = new byte[count];
        var buffered = Math.Min(count, _buffered.Count);
        _buffered.CopyTo(0, bytes, 0, buffered);
        _buffered.RemoveRange(0, buffered);
        await _stream.ReadExactlyAsync(bytes.AsMemory(buffered), stop);
        return bytes;
    }

    public Task SendAsync(byte[] bytes) => _stream.WriteAsync(bytes, stop).AsTask();

    public Task SendAsync(string text) => _stream.WriteAsync(Encoding.Latin1.GetBytes(text), stop).AsTask();

    /// <summary>Closes with a reset instead of an orderly end.</summary>
    public void Reset()
    {
        client.Client.Close(0); // closing the client would shut the socket down first, which is an orderly end
    }

    public void Close() => client.Close();
}
