using System.Net;
using EdgeProxy.Draining;
using EdgeProxy.IntegrationTests.Peers;
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
            Options.Create(new SocketTransportOptions()), new Descriptors(), TimeProvider.System, NullLoggerFactory.Instance);
        await using var listener = await sockets.BindAsync(new IPEndPoint(IPAddress.Loopback, 0), Wait.Deadline);
        var address = new Uri($"http://{listener.EndPoint}");
        using var first = await RawClient.OpenAsync(address);
        using var second = await RawClient.OpenAsync(address);
        await using var accepted = await listener.AcceptAsync(Wait.Deadline); // one of them, and nobody asks for the other

        Assert.True(sockets.StopAcceptingAsync(new CancellationToken(canceled: true)).IsCompletedSuccessfully);
    }
}
