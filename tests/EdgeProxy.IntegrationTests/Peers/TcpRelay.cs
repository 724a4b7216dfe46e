using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>An address in front of servers: new connections go to the one it is set to, those that stand stay where they are.</summary>
internal sealed class TcpRelay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _accepting;

    public TcpRelay(int target)
    {
        Target = target;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Port of the server that new connections go to.</summary>
    public int Target { get; set; }

    /// <summary>How much later the server's bytes arrive.</summary>
    public TimeSpan Delay { get; set; }

    public string Address => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var client = await _listener.AcceptTcpClientAsync(_stopping.Token);
            _ = RelayAsync(client, Target);
        }
    }

    private async Task RelayAsync(TcpClient client, int target)
    {
        using var server = new TcpClient { NoDelay = true };
        using (client)
        {
            client.NoDelay = true;
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, target, _stopping.Token);
                await Task.WhenAny(
                    CopyAsync(client.GetStream(), server.GetStream(), isLate: false),
                    CopyAsync(server.GetStream(), client.GetStream(), isLate: true));
            }
            catch (Exception exception) when (exception is SocketException or IOException or OperationCanceledException)
            {
                // Either end is gone.
            }
        }
    }

    private async Task CopyAsync(NetworkStream from, NetworkStream to, bool isLate)
    {
        var buffer = new byte[64 * 1024];
        while (await from.ReadAsync(buffer, _stopping.Token) is var read and > 0)
        {
            if (isLate && Delay > TimeSpan.Zero)
            {
                await Task.Delay(Delay, TimeProvider.System, _stopping.Token);
            }

            await to.WriteAsync(buffer.AsMemory(0, read), _stopping.Token);
        }
    }
}
