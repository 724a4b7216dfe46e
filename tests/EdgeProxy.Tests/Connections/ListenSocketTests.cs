using System.Net;
using System.Net.Sockets;
using EdgeProxy.Connections;
using Xunit;

namespace EdgeProxy.Tests.Connections;

public sealed class ListenSocketTests
{
    [Fact]
    public async Task What_the_kernel_takes_for_a_slow_reader_is_bounded_on_each_client()
    {
        using var listener = ListenSockets.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(listener.LocalEndPoint!, TestContext.Current.CancellationToken);
        using var accepted = await listener.AcceptAsync(TestContext.Current.CancellationToken);

        var bound = new byte[sizeof(int)];
        accepted.GetRawSocketOption((int)SocketOptionLevel.Tcp, ListenSockets.NotSentLowWater, bound);
        Assert.Equal(ListenSockets.MostUnsent, BitConverter.ToInt32(bound));
    }
}
