using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Requests;

/// <summary>Requests on HTTP/1.1 that are answered before all of their body is there: that is no error of the edge.</summary>
public sealed class HalfSentTests
{
    [Theory]
    [InlineData("answers early", 413)]
    [InlineData("is past its time", 408)]
    [InlineData("never hears of it", 408)]
    public async Task A_body_that_is_waited_for_no_more_is_read_to_its_end_and_logged_as_no_error(string manner, int status)
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            while (await connection.ReadHeadAsync() is { } head)
            {
                if (head.StartsWith("GET", StringComparison.Ordinal))
                {
                    await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine");
                    continue;
                }

                if (status == 413)
                {
                    await connection.SendAsync("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
                }

                await connection.DrainAsync();
                return;
            }
        });
        var timeout = manner == "is past its time" ? "\"Timeout\": \"500ms\"" : "";
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, timeout));
        var log = Log.Of(edge);
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1");
        Assert.StartsWith($"HTTP/1.1 {status} ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        await client.SendAsync("234567890");

        if (manner == "answers early")
        {
            Assert.Equal("no"u8.ToArray(), await client.ReadExactlyAsync(2));
            await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        }
        else
        {
            Assert.False((await client.ReadToEndAsync()).WasReset);
        }

        Assert.Empty(log.Entries(LogLevel.Error));
    }
}
