using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Errors;

/// <summary>Clients that leave before the head of a response: because of the upstream when they have waited for long.</summary>
public sealed class AbandonedTests
{
    private const string Soon = "\"AbandonedAfter\": \"300ms\"";

    [Theory]
    [InlineData(1, Soon, 600, "upstream_abandoned")]
    [InlineData(2, Soon, 600, "upstream_abandoned")]
    [InlineData(1, "\"AbandonedAfter\": \"1m\"", 600, "client_disconnected")] // as of a long poll
    [InlineData(2, "", 600, "client_disconnected")]
    public async Task A_client_that_leaves_is_put_down_to_who_was_waited_for(int version, string route, int millis, string code)
    {
        await using var upstream = await Upstream.StartAsync(
            context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, route));
        var log = Log.Of(edge);
        using var readings = new Readings(edge);
        for (var i = 1; i <= 6; i++)
        {
            await LeaveAsync(edge, version, millis);
            await Wait.UntilAsync(() => readings[$"edgeproxy_errors_total{{code={code},route=all}}"] == i, "it is counted");
        }

        Assert.Equal($"edgeproxy_errors_total{{code={code},route=all}}", Assert.Single(readings.Counted("edgeproxy_errors_total")));
        Assert.Equal(6, readings["edgeproxy_requests_total{route=all,method=GET,code=499,made_by=edge}"]);
        Assert.DoesNotContain(log.Entries(LogLevel.Warning), entry => entry.Contains("Breaker of", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_client_that_leaves_while_it_still_sends_has_not_waited()
    {
        await using var upstream = await Upstream.StartAsync(
            context => context.Request.Body.CopyToAsync(Stream.Null, context.RequestAborted));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, Soon));
        using var readings = new Readings(edge);
        using (var client = await RawClient.OpenAsync(edge.Uri))
        {
            await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1");
            await Wait.UntilAsync(() => upstream.Hits == 1, "the request is at the destination");
            await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System); // the client's own slowness
        }

        await Wait.UntilAsync(() => readings.Counted("edgeproxy_errors_total").Any(), "it is counted");
        Assert.DoesNotContain(
            readings.Counted("edgeproxy_errors_total"), series => series.Contains("upstream_abandoned", StringComparison.Ordinal));
    }

    private static async Task LeaveAsync(Edge edge, int version, int millis)
    {
        using var gone = new CancellationTokenSource(TimeSpan.FromMilliseconds(millis));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/")
        {
            Version = version == 2 ? HttpVersion.Version20 : HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => edge.Client.SendAsync(request, gone.Token));
    }
}
