using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.Logging;
using Xunit;
using static EdgeProxy.IntegrationTests.Resilience.Breaking;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>Breakers of single destinations: one of three really misbehaves.</summary>
public sealed class EjectionTests
{
    [Theory]
    [InlineData("500", "status 500")]
    [InlineData("reset", "closed")]
    [InlineData("hang", "timeout")]
    [InlineData("garbage", "protocol_error")]
    [InlineData("truncated", "incomplete")]
    public async Task One_of_three_that_misbehaves_is_left_out_and_comes_back_when_it_has_healed(string trouble, string word)
    {
        var healed = false;
        await using var bad = RawUpstream.Start(async connection =>
        {
            while (await connection.ReadHeadAsync() is not null)
            {
                switch (Volatile.Read(ref healed) ? "" : trouble)
                {
                    case "":
                        await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad");
                        continue;
                    case "500":
                        await connection.SendAsync("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
                        continue;
                    case "garbage":
                        await connection.SendAsync("NOT HTTP AT ALL\r\n\r\n");
                        return;
                    case "truncated":
                        await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\nhalf");
                        return;
                    case "hang":
                        await connection.StayAsync();
                        return;
                    default:
                        connection.Reset();
                        return;
                }
            }
        });
        await using var b = await Upstream.StartAsync("good");
        await using var c = await Upstream.StartAsync("good");
        await using var edge = await Edge.StartAsync(Three(
            bad.Address, b.Address, c.Address, Quick + ", \"HttpRequest\": { \"ActivityTimeout\": \"300ms\" }", ", \"Timeout\": \"10m\""));
        var log = Log.Of(edge);
        await LoadUntilAsync(edge, async () => (await DestinationAsync(edge, 0)).GetProperty("state").GetString() == "ejected");
        Assert.True((await DestinationAsync(edge, 1)).GetProperty("available").GetBoolean());
        Assert.Contains(Openings(), opening => opening.Contains($", the last: {word} ", StringComparison.Ordinal));
        await LoadUntilAsync(edge, () => Task.FromResult(Openings().Any(opening =>
            opening.Contains($"its probe failed: {word} ", StringComparison.Ordinal))));

        Volatile.Write(ref healed, true);
        await LoadUntilAsync(edge, async () =>
            (await DestinationAsync(edge, 0)).GetProperty("breaker").GetProperty("state").GetString() == "closed");
        await LoadUntilAsync(edge, async () => await edge.Client.GetStringAsync("/") == "bad");

        IEnumerable<string> Openings() =>
            log.Entries(LogLevel.Warning).Where(entry => entry.Contains("up/a is Open", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_destination_that_drips_its_answers_is_left_out_and_a_head_does_not_bring_it_back()
    {
        await using var bad = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n");
            while (true)
            {
                await connection.SendAsync("b");
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            }
        });
        await using var b = await Upstream.StartAsync("good");
        await using var c = await Upstream.StartAsync("good");
        await using var edge = await Edge.StartAsync(Three(bad.Address, b.Address, c.Address, Quick, ", \"Timeout\": \"700ms\""));
        var log = Log.Of(edge);
        await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => LoadUntilAsync(edge, () => Task.FromResult(
            log.Entries(LogLevel.Warning).Count(entry => entry.Contains("its probe failed", StringComparison.Ordinal)) > 1))));
        Assert.DoesNotContain(log.Entries(LogLevel.Information), entry => entry.Contains("Recovering", StringComparison.Ordinal));
    }

    [Fact]
    public async Task With_PerTry_dripping_answers_count_before_the_route_s_time_is_over()
    {
        await using var bad = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\nb");
            await connection.StayAsync();
        });
        await using var b = await Upstream.StartAsync("good");
        await using var c = await Upstream.StartAsync("good");
        await using var edge = await Edge.StartAsync(Three(
            bad.Address, b.Address, c.Address, Quick, ", \"Timeout\": \"10m\", \"Timeouts\": { \"PerTry\": \"200ms\" }"));

        var loads = Enumerable.Range(0, 12).Select(_ => edge.Client.GetAsync("/")).ToList();
        await Wait.UntilAsync(async () =>
        {
            loads.Add(edge.Client.GetAsync("/"));
            return (await DestinationAsync(edge, 0)).GetProperty("state").GetString() == "ejected";
        }, "the destination is ejected");
        edge.Client.CancelPendingRequests();
    }

    [Fact]
    public async Task In_a_panic_ejected_destinations_get_requests_too_and_the_log_says_so_once()
    {
        await using var a = await Upstream.StartAsync(Status(503));
        await using var b = await Upstream.StartAsync("b");
        await using var c = await Upstream.StartAsync("c");
        await using var edge = await Edge.StartAsync(Three(a.Address, b.Address, c.Address, "\"PanicThreshold\": 0.9"));
        var log = Log.Of(edge);
        await LoadUntilAsync(edge, async () => (await ClusterAsync(edge)).GetProperty("panic").GetBoolean());
        var before = a.Hits;
        await LoadUntilAsync(edge, () => Task.FromResult(a.Hits > before + 5));
        Assert.Equal("ejected", (await DestinationAsync(edge, 0)).GetProperty("state").GetString());
        Assert.Single(log.Entries(LogLevel.Warning), entry => entry.Contains("Panic in cluster up", StringComparison.Ordinal));
    }
}
