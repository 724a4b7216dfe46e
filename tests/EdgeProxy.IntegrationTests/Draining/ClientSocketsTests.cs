using System.Net;
using EdgeProxy.Draining;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;

namespace EdgeProxy.IntegrationTests.Draining;

public sealed class ClientSocketsTests
{
    [Fact]
    public async Task Clients_that_wait_to_be_accepted_are_waited_for_no_longer_than_there_is_time()
    {
        var sockets = new ClientSockets(
            Options.Create(new SocketTransportOptions()), new Descriptors(), new Boundless(), TimeProvider.System,
            NullLoggerFactory.Instance);
        await using var listener = await sockets.BindAsync(new IPEndPoint(IPAddress.Loopback, 0), Wait.Deadline);
        var address = new Uri($"http://{listener.EndPoint}");
        using var first = await RawClient.OpenAsync(address);
        using var second = await RawClient.OpenAsync(address);
        await using var accepted = await listener.AcceptAsync(Wait.Deadline); // one of them, and nobody asks for the other

        Assert.True(sockets.StopAcceptingAsync(new CancellationToken(canceled: true)).IsCompletedSuccessfully);
    }

    [Fact]
    public void Nobody_is_waited_for_when_no_connection_is_open()
    {
        var sockets = new ClientSockets(
            Options.Create(new SocketTransportOptions()), new Descriptors(), new Boundless(), TimeProvider.System,
            NullLoggerFactory.Instance);

        Assert.True(sockets.WhenAllClosed().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_connection_takes_a_descriptor_from_its_accept_until_its_socket_is_closed()
    {
        var descriptors = new Descriptors();
        descriptors.Share(new Descriptors.Shares(Clients: 1, Destinations: 0, Admin: 0));
        var sockets = new ClientSockets(
            Options.Create(new SocketTransportOptions()), descriptors, new Boundless(), TimeProvider.System, NullLoggerFactory.Instance);
        await using var listener = await sockets.BindAsync(new IPEndPoint(IPAddress.Loopback, 0), Wait.Deadline);
        var address = new Uri($"http://{listener.EndPoint}");
        using var first = await RawClient.OpenAsync(address);
        using var second = await RawClient.OpenAsync(address);
        using var third = await RawClient.OpenAsync(address);
        var served = await listener.AcceptAsync(Wait.Deadline);
        await using var inTheListenersPlace = await listener.AcceptAsync(Wait.Deadline);

        var accepting = listener.AcceptAsync(Wait.Deadline).AsTask();
        first.Dispose();
        await Wait.UntilAsync(() => served!.ConnectionClosed.IsCancellationRequested, "the client has left");
        Assert.False(descriptors.TryOpen()); // its socket is still open
        Assert.False(accepting.IsCompleted);
        await served!.DisposeAsync();
        await using var accepted = await accepting;
        Assert.NotNull(accepted);
    }

    private sealed class Boundless : IConnectionBound
    {
        public ValueTask<bool> EnterAsync(ConnectionContext connection) => ValueTask.FromResult(true);

        public void Leave(ConnectionContext connection)
        {
        }
    }
}
