using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>A balancer at layer 4, which can forget the connections that it has: their bytes vanish, and nobody is told.</summary>
internal sealed class Relay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Uri _target;
    private int _connections;
    private int _forgotten;

    private Relay(Uri target) => _target = target;

    public string Address => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/";

    /// <summary>Connections accepted so far.</summary>
    public int Connections => Volatile.Read(ref _connections);

    public static Relay Start(string target)
    {
        var relay = new Relay(new Uri(target));
        relay._listener.Start();
        _ = relay.AcceptAsync();
        return relay;
    }

    /// <summary>From now on nothing passes on the connections that there are. New ones work.</summary>
    public void Forget() => Volatile.Write(ref _forgotten, Connections);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var near = await _listener.AcceptTcpClientAsync(_stop.Token);
                _ = ServeAsync(near, Interlocked.Increment(ref _connections));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(TcpClient near, int number)
    {
        using var client = near;
        using var far = new TcpClient();
        try
        {
            await far.ConnectAsync(_target.Host, _target.Port, _stop.Token);
            await Task.WhenAny(CopyAsync(near, far, number), CopyAsync(far, near, number));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException)
        {
            // One side has gone.
        }
    }

    private async Task CopyAsync(TcpClient from, TcpClient to, int number)
    {
        var bytes = new byte[65536];
        try
        {
            while (await from.GetStream().ReadAsync(bytes, _stop.Token) is var count and > 0)
            {
                if (number > Volatile.Read(ref _forgotten))
                {
                    await to.GetStream().WriteAsync(bytes.AsMemory(0, count), _stop.Token);
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or InvalidOperationException)
        {
            // One side has gone.
        }
    }
}
