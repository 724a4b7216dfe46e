using System.Net;
using System.Net.Sockets;
using System.Text;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>Clients that do not read their answers, of destinations that are well.</summary>
public sealed class SlowReaderTests
{
    private const int Clients = 12;
    private const string PerTry = ", \"Timeouts\": { \"PerTry\": \"200ms\" }";

    private static readonly byte[] NoWindow = [0, 4, 0, 0, 0, 0];

    [Theory]
    [InlineData("")]
    [InlineData(PerTry)]
    public async Task A_client_of_HTTP_2_that_reads_nothing_is_not_put_down_to_the_destination(string timeouts)
    {
        await using var upstream = await Upstream.StartAsync(Answering(30_000));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"Timeout\": \"1s\"" + timeouts));
        var log = Log.Of(edge);
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);
        await client.SendAsync(RawHttp2.Settings, 0, 0, NoWindow);

        for (var i = 0; i < Clients; i++)
        {
            await client.GetAsync((2 * i) + 1);
        }

        await AssertIsWellAsync(edge, log);
    }

    [Theory]
    [InlineData("")]
    [InlineData(PerTry)]
    public async Task A_client_of_HTTP_1_that_asks_for_much_and_reads_nothing_is_not_put_down_to_the_destination(string timeouts)
    {
        await using var upstream = await Upstream.StartAsync(Answering(60_000));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"Timeout\": \"1s\"" + timeouts));
        var log = Log.Of(edge);
        var many = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200)));
        var clients = new List<Socket>();
        try
        {
            for (var i = 0; i < Clients; i++)
            {
                var client = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
                clients.Add(client);
                await client.ConnectAsync(IPAddress.Loopback, edge.Uri.Port, Wait.Deadline);
                await client.SendAsync(many, Wait.Deadline);
            }

            await AssertIsWellAsync(edge, log);
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    private static RequestDelegate Answering(int bytes) => context =>
    {
        context.Response.ContentLength = bytes;
        return context.Response.Body.WriteAsync(new byte[bytes]).AsTask();
    };

    private static async Task AssertIsWellAsync(Edge edge, Log log)
    {
        await Wait.UntilAsync(
            async () => (await edge.Admin.GetStringAsync("/metrics")).Contains(
                $"edgeproxy_errors_total{{code=\"deadline_exceeded\",route=\"all\"}} {Clients}", StringComparison.Ordinal),
            "the time of all is over");
        Assert.DoesNotContain(log.Entries(LogLevel.Warning), entry => entry.Contains("Breaker of", StringComparison.Ordinal));
        using var answer = await edge.Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }
}
