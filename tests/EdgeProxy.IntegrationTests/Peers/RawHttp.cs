using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>A client that sends exactly the bytes it is told to, and sees exactly what comes back.</summary>
internal sealed class RawHttp : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private NetworkStream? _stream;

    public Socket Socket => _socket;

    public static async Task<RawHttp> ConnectAsync(Uri edge)
    {
        var client = new RawHttp();
        await client._socket.ConnectAsync(edge.Host, edge.Port);
        client._stream = new NetworkStream(client._socket, ownsSocket: true);
        return client;
    }

    /// <summary>Sends <paramref name="request"/> on a new connection and reads until the edge closes it.</summary>
    public static async Task<RawAnswer> ExchangeAsync(Uri edge, string request)
    {
        await using var client = await ConnectAsync(edge);
        await client.SendAsync(request);
        return await client.ReadToEndAsync();
    }

    public Task SendAsync(string bytes) => _stream!.WriteAsync(Encoding.Latin1.GetBytes(bytes)).AsTask();

    /// <summary>Sends each byte in a packet of its own.</summary>
    public async Task TrickleAsync(string bytes)
    {
        foreach (var one in Encoding.Latin1.GetBytes(bytes))
        {
            await _stream!.WriteAsync(new[] { one });
            await Task.Yield();
        }
    }

    /// <summary>Reads until what came satisfies <paramref name="enough"/>.</summary>
    public async Task<string> ReadUntilAsync(Func<string, bool> enough)
    {
        using var deadline = new CancellationTokenSource(Patience);
        var received = new StringBuilder();
        var buffer = new byte[4096];
        while (!enough(received.ToString()))
        {
            var count = await _stream!.ReadAsync(buffer, deadline.Token);
            if (count == 0)
            {
                throw new IOException("The connection was closed after: " + received);
            }

            received.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }

        return received.ToString();
    }

    public async Task<RawAnswer> ReadToEndAsync()
    {
        using var deadline = new CancellationTokenSource(Patience);
        var received = new StringBuilder();
        var buffer = new byte[4096];
        try
        {
            int count;
            while ((count = await _stream!.ReadAsync(buffer, deadline.Token)) > 0)
            {
                received.Append(Encoding.Latin1.GetString(buffer, 0, count));
            }

            return new RawAnswer(received.ToString(), WasReset: false);
        }
        catch (IOException)
        {
            return new RawAnswer(received.ToString(), WasReset: true);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await (_stream?.DisposeAsync() ?? ValueTask.CompletedTask);
        _socket.Dispose();
    }
}

/// <summary>All that a connection brought until it ended.</summary>
internal sealed record RawAnswer(string Text, bool WasReset)
{
    public int Status => Text.Length > 12 ? int.Parse(Text.AsSpan(9, 3), System.Globalization.CultureInfo.InvariantCulture) : 0;

    public string Head => Text[..(Text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 2)];

    public string Body => Text[(Text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];

    public JsonElement Problem => JsonDocument.Parse(Body).RootElement;

    public string? Code => Problem.GetProperty("code").GetString();
}
