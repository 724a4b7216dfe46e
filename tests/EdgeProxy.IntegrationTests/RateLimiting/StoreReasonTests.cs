using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>Why limits are not shared, in the log and in `/v1/store`, from the start on.</summary>
public sealed class StoreReasonTests
{
    private const string Policy = """
        "RateLimits": { "standard": { "Decide": "Strict", "OnStoreOutage": "Closed",
          "Per": "Global", "Limits": [ { "Name": "sec", "Capacity": 1000, "Refill": 1000, "Every": "1s" } ] } },
        """;

    [Theory]
    [InlineData(",password=wrong")]
    [InlineData("")]
    [InlineData(",user=nobody,password=x")]
    public async Task At_the_start_a_wrong_password_is_named(string more)
    {
        await using var redis = await RedisServer.StartAsync("--requirepass", "right");
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await SharedLimitsTests.StartAsync(redis.Address + more, upstream, Policy);
        await SaysAsync(edge, "connection", "the user or password is missing or wrong");
    }

    [Fact]
    public async Task At_the_start_a_server_that_is_full_is_named_and_found_once_it_has_room()
    {
        await using var redis = await RedisServer.StartAsync("--maxclients", "12");
        var held = new List<TcpClient>();
        for (var i = 0; i < 12; i++)
        {
            var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, redis.Port);
            held.Add(client);
        }

        await using var upstream = await Upstream.StartAsync();
        await using var edge = await SharedLimitsTests.StartAsync(redis.Address, upstream, Policy);
        await SaysAsync(edge, "connection", "max number of clients reached");
        held.ForEach(client => client.Dispose());
        await SharedLimitsTests.UpAsync(edge);
    }

    [Fact]
    public async Task A_name_that_nobody_knows_and_a_port_that_nobody_listens_on_are_named()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var unknown = await SharedLimitsTests.StartAsync("no-such-host.invalid:6379", upstream, Policy);
        await using var refused = await SharedLimitsTests.StartAsync($"127.0.0.1:{RedisServer.FreePort()}", upstream, Policy);
        await SaysAsync(unknown, "connection", "the name cannot be resolved");
        await SaysAsync(refused, "connection", "ConnectionRefused");
    }

    [Fact]
    public async Task A_right_that_is_missing_is_named()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var admin = await redis.ConnectAsync();
        await admin.GetDatabase().ExecuteAsync("ACL", "SETUSER", "half", "on", ">pw", "~rl:*", "+@all", "-eval", "-evalsha");
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await SharedLimitsTests.StartAsync(redis.Address + ",user=half,password=pw", upstream, Policy);
        await SaysAsync(edge, "error", "NOPERM");
    }

    [Fact]
    public async Task Answers_that_are_late_are_told_from_none_at_all_and_a_longer_deadline_takes_them()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var relay = new TcpRelay(redis.Port);
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await SharedLimitsTests.StartAsync(relay.Address, upstream, Policy);
        await using var patient = await Edge.StartAsync(
            Policy + Edge.OneRoute(upstream.Address, "\"RateLimiterPolicy\": \"standard\""),
            $"\"Store\": {{ \"Redis\": \"{relay.Address}\", \"Deadline\": \"1s\" }}");
        await SharedLimitsTests.UpAsync(edge);
        await SharedLimitsTests.UpAsync(patient);

        relay.Delay = TimeSpan.FromMilliseconds(30);
        await SaysAsync(edge, "slow", "no answer within 5 ms; the last one took");
        await Wait.UntilAsync(async () =>
        {
            var store = await edge.Admin.GetFromJsonAsync<JsonElement>("/v1/store");
            Assert.Equal("slow", store.GetProperty("reason").GetString());
            return TimeProvider.System.GetUtcNow() - store.GetProperty("since").GetDateTimeOffset() > TimeSpan.FromSeconds(4);
        }, "it has been slow for longer than a server that says nothing counts as slow");
        using var answer = await patient.Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True(SharedLimitsTests.Store(patient).IsUp);

        await redis.PauseAsync();
        await SaysAsync(edge, "silent", "no answer at all");
        Assert.DoesNotContain(
            "reason=\"silent\"} 0\n", (await edge.Admin.GetStringAsync("/metrics")).Replace("\r", "", StringComparison.Ordinal),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_Redis_that_evicts_is_warned_of_at_connect_in_the_log_in_v1_and_as_a_metric()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var admin = await redis.ConnectAsync();
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await SharedLimitsTests.StartAsync(redis.Address, upstream, Policy);
        await Wait.UntilAsync(async () => (await PolicyAsync(edge)) == ("noeviction", false), "the policy is known");
        Assert.Contains("edgeproxy_store_evicts 0", await edge.Admin.GetStringAsync("/metrics"), StringComparison.Ordinal);
        var log = Log.Of(edge);

        await admin.GetDatabase().ExecuteAsync("CONFIG", "SET", "maxmemory-policy", "volatile-lru");
        await admin.GetDatabase().ExecuteAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        await Wait.UntilAsync(async () => (await PolicyAsync(edge)) == ("volatile-lru", true), "the other policy is known");
        Assert.Contains("edgeproxy_store_evicts 1", await edge.Admin.GetStringAsync("/metrics"), StringComparison.Ordinal);
        Assert.Contains(log.Entries(LogLevel.Warning), entry => entry.Contains("maxmemory-policy volatile-lru", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_came_from_a_variable_is_in_no_word_of_the_edge()
    {
        const string Half = "9pi-aKfAKSHsecret";
        Environment.SetEnvironmentVariable("EDGE_TEST_STORE", $"127.0.0.1:{RedisServer.FreePort()},password=Xq7w,{Half}");
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await SharedLimitsTests.StartAsync("${EDGE_TEST_STORE}", upstream, Policy);
        var log = Log.Of(edge);
        await SaysAsync(edge, "connection", "");
        await Wait.UntilAsync(
            () => log.Entries(LogLevel.Warning).Any(entry => entry.Contains("store at ${EDGE_TEST_STORE} is", StringComparison.Ordinal)),
            "the store is named as the configuration does");
        var said = string.Join('\n', log.Entries(LogLevel.Trace)) + await edge.Admin.GetStringAsync("/v1/store")
            + await edge.Admin.GetStringAsync("/v1/config");
        Assert.DoesNotContain(Half, said, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Xq7w", said, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Waits until `/v1/store` says so.</summary>
    internal static Task SaysAsync(Edge edge, string reason, string words) => Wait.UntilAsync(async () =>
    {
        _ = await edge.Client.GetAsync("/");
        var store = await edge.Admin.GetFromJsonAsync<JsonElement>("/v1/store");
        return store.GetProperty("reason").GetString() == reason
            && store.GetProperty("detail").GetString()!.Contains(words, StringComparison.Ordinal);
    }, $"{reason}: {words}");

    private static async Task<(string?, bool)> PolicyAsync(Edge edge)
    {
        var store = await edge.Admin.GetFromJsonAsync<JsonElement>("/v1/store");
        var server = store.GetProperty("servers")[0];
        return (server.GetProperty("maxmemoryPolicy").GetString(), server.GetProperty("evicts").GetBoolean());
    }
}
