using System.Net;
using System.Net.Sockets;
using EdgeProxy.IntegrationTests.Peers;
using EdgeProxy.Upstreams;
using Xunit;

namespace EdgeProxy.IntegrationTests.Upstreams;

/// <summary>One address of several that is out of order costs a moment.</summary>
public sealed class ConnectAttemptsTests
{
    [Fact]
    public async Task The_next_address_is_tried_when_one_refuses()
    {
        using var good = Listen("127.0.0.3", 0);
        var port = ((IPEndPoint)good.LocalEndPoint!).Port;

        var (socket, index, failure) = await ConnectAttempts.FirstAsync(
            [At("127.0.0.2", port), At("127.0.0.3", port)], TimeProvider.System, Wait.Deadline);
        Assert.Equal((At("127.0.0.3", port), 1), (socket.RemoteEndPoint, index));
        Assert.Equal(SocketError.ConnectionRefused, failure?.SocketErrorCode);
        socket.Dispose();
    }

    [Fact]
    public async Task The_next_address_is_tried_beside_one_that_is_silent()
    {
        using var silent = Listen("127.0.0.2", 0, backlog: 0);
        var port = ((IPEndPoint)silent.LocalEndPoint!).Port;
        var waiting = await FillAsync(silent.LocalEndPoint!);
        using var good = Listen("127.0.0.3", port);
        var began = TimeProvider.System.GetTimestamp();

        var (socket, index, _) = await ConnectAttempts.FirstAsync(
            [At("127.0.0.2", port), At("127.0.0.3", port)], TimeProvider.System, Wait.Deadline);
        Assert.Equal((At("127.0.0.3", port), 1), (socket.RemoteEndPoint, index));
        socket.Dispose();
        Assert.True(TimeProvider.System.GetElapsedTime(began) >= ConnectAttempts.Stagger - TimeSpan.FromMilliseconds(50));
        waiting.ForEach(one => one.Dispose());
    }

    [Fact]
    public async Task The_first_failure_is_told_when_all_have_failed()
    {
        var port = FreePort();
        var failure = await Assert.ThrowsAsync<SocketException>(() =>
            ConnectAttempts.FirstAsync([At("127.0.0.2", port), At("127.0.0.3", port)], TimeProvider.System, Wait.Deadline));
        Assert.Equal(SocketError.ConnectionRefused, failure.SocketErrorCode);
    }

    [Fact]
    public async Task Nothing_is_waited_for_beyond_the_bound()
    {
        using var silent = Listen("127.0.0.2", 0, backlog: 0);
        var waiting = await FillAsync(silent.LocalEndPoint!);
        using var bound = new CancellationTokenSource(TimeSpan.FromMilliseconds(400));
        var address = (IPEndPoint)silent.LocalEndPoint!;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            ConnectAttempts.FirstAsync([address, address], TimeProvider.System, bound.Token));
        waiting.ForEach(one => one.Dispose());
    }

    private static IPEndPoint At(string address, int port) => new(IPAddress.Parse(address), port);

    private static int FreePort()
    {
        using var socket = Listen("127.0.0.1", 0);
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static Socket Listen(string address, int port, int backlog = 10)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(At(address, port));
        socket.Listen(backlog);
        return socket;
    }

    /// <summary>Connects until a connection is not answered any more: the queue of the listener is full.</summary>
    private static async Task<List<Socket>> FillAsync(EndPoint listener)
    {
        var sockets = new List<Socket>();
        while (true)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            sockets.Add(socket);
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            try
            {
                await socket.ConnectAsync(listener, patience.Token);
            }
            catch (OperationCanceledException)
            {
                return sockets;
            }
        }
    }
}
