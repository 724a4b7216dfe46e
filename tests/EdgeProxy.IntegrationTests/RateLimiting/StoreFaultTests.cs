using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using StackExchange.Redis;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>A real Redis that is there and yet of no use for a while, under leases and without: what comes through, and the end.</summary>
public sealed class StoreFaultTests(ITestOutputHelper output)
{
    private const int Capacity = 60;

    [Theory]
    [InlineData("Leased")]
    [InlineData("Strict")]
    public async Task Scripts_that_are_forgotten_change_nothing(string decide)
    {
        await using var run = await Run.StartAsync(decide);
        for (var i = 0; i < 10; i++)
        {
            await run.CommandAsync("SCRIPT", "FLUSH");
            await run.SendAsync(15);
        }

        Assert.InRange(run.Admitted, Capacity / 2, Capacity + run.Local);
    }

    [Theory]
    [InlineData("Leased")]
    [InlineData("Strict")]
    public async Task Each_time_that_the_store_is_emptied_a_bucket_admits_its_capacity_once_more_at_most(string decide)
    {
        await using var run = await Run.StartAsync(decide);
        const int Times = 3;
        for (var i = 0; i < Times; i++)
        {
            await run.SendAsync(100);
            await run.CommandAsync("FLUSHALL");
            var before = run.Admitted;
            await Wait.UntilAsync(
                async () =>
                {
                    await run.SendAsync(1);
                    return run.Admitted > before;
                },
                "the bucket begins anew");
        }

        await run.SendAsync(100);
        output.WriteLine($"{run.Admitted} admitted, {run.Local} of them by shares");
        Assert.InRange(run.Admitted, Capacity / 2, (Capacity * (1 + Times)) + run.Local);
    }

    [Theory]
    [InlineData("Leased", "maxmemory", "1", "0")]
    [InlineData("Strict", "maxmemory", "1", "0")]
    [InlineData("Leased", "min-replicas-to-write", "1", "0")]
    [InlineData("Leased", "replicaof", "127.0.0.1 1", "no one")]
    [InlineData("Strict", "replicaof", "127.0.0.1 1", "no one")]
    [InlineData("Leased", "busy", "", "")]
    [InlineData("Strict", "busy", "", "")]
    [InlineData("Leased", "loading", "", "")]
    public async Task A_store_that_answers_with_errors_is_an_outage_and_is_found_again(
        string decide, string fault, string value, string cure)
    {
        await using var run = await Run.StartAsync(decide);
        await run.SendAsync(10);
        await SetAsync(run, fault, value);
        await run.WaitForAsync(isUp: false);
        await run.SendAsync(100);
        await CureAsync(run, fault, cure);
        await run.WaitForAsync(isUp: true);
        await run.SendAsync(100);
        output.WriteLine($"{run.Admitted} admitted, {run.Local} of them by shares");

        // The bucket, and what the node admitted by its share, which with one node is the whole bucket once more.
        Assert.InRange(run.Local, 1, double.MaxValue);
        Assert.InRange(run.Admitted, Capacity / 2, Capacity + run.Local);
    }

    private static Task SetAsync(Run run, string fault, string value)
    {
        switch (fault)
        {
            case "busy":
                run.Begin("EVAL", "while true do end", "0");
                return Task.CompletedTask;
            case "loading":
                return run.LoadSlowlyAsync();
            case "replicaof":
                return run.CommandAsync(["REPLICAOF", .. value.Split(' ')]);
            default:
                return run.CommandAsync("CONFIG", "SET", fault, value);
        }
    }

    private static Task CureAsync(Run run, string fault, string cure) => fault switch
    {
        "busy" => run.CommandAsync("SCRIPT", "KILL"),
        "loading" => Task.CompletedTask, // it ends by itself
        "replicaof" => run.CommandAsync(["REPLICAOF", .. cure.Split(' ')]),
        _ => run.CommandAsync("CONFIG", "SET", fault, cure),
    };

    /// <summary>An edge, its Redis, and requests of one client.</summary>
    private sealed class Run : IAsyncDisposable
    {
        private readonly Upstream _upstream;
        private readonly RedisServer _redis;
        private readonly Edge _edge;
        private readonly Readings _readings;
        private readonly ConnectionMultiplexer _admin;

        private Run(Upstream upstream, RedisServer redis, Edge edge, ConnectionMultiplexer admin)
        {
            (_upstream, _redis, _edge, _admin) = (upstream, redis, edge, admin);
            _readings = new Readings(edge);
        }

        public int Admitted { get; private set; }

        public double Local => _readings["edgeproxy_ratelimit_decisions_total{policy=standard,decision=allow,source=local}"];

        public static async Task<Run> StartAsync(string decide)
        {
            var redis = await RedisServer.StartAsync(
                "--enable-debug-command", "yes", "--busy-reply-threshold", "5", "--loading-process-events-interval-bytes", "1024");
            var upstream = await Upstream.StartAsync();
            var edge = await SharedLimitsTests.StartAsync(redis.Address, upstream, $$"""
                "RateLimits": { "standard": { "Decide": "{{decide}}", "Per": "Global",
                  "Limits": [ { "Name": "day", "Capacity": {{Capacity}}, "Refill": 1, "Every": "1d" } ] } },
                """);
            await SharedLimitsTests.UpAsync(edge);
            return new Run(upstream, redis, edge, await redis.ConnectAsync());
        }

        /// <summary>No request fails, whatever the store does.</summary>
        public async Task SendAsync(int requests)
        {
            for (var i = 0; i < requests; i++)
            {
                using var answer = await _edge.Client.GetAsync("/");
                Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.TooManyRequests, answer.StatusCode.ToString());
                Admitted += answer.IsSuccessStatusCode ? 1 : 0;
            }
        }

        public Task WaitForAsync(bool isUp) => Wait.UntilAsync(
            async () =>
            {
                await SendAsync(1);
                return SharedLimitsTests.Store(_edge).IsUp == isUp;
            },
            isUp ? "the store is asked again" : "the store has been given up");

        public Task<RedisResult> CommandAsync(params string[] command) => CommandAsync(_admin, command);

        /// <summary>Sends a command, on a connection of its own, and does not wait for its answer.</summary>
        public void Begin(params string[] command) => _ = Task.Run(async () =>
        {
            try
            {
                await using var connection = await _redis.ConnectAsync();
                await CommandAsync(connection, command);
            }
            catch (RedisException)
            {
                // Killed, as it should be.
            }
        });

        /// <summary>Has it read its data for some seconds, in which it answers that it does.</summary>
        public async Task LoadSlowlyAsync()
        {
            await CommandAsync("DEBUG", "POPULATE", "3000");
            await CommandAsync("CONFIG", "SET", "key-load-delay", "1000");
            Begin("DEBUG", "RELOAD");
        }

        public async ValueTask DisposeAsync()
        {
            _readings.Dispose();
            await _admin.DisposeAsync();
            await _edge.DisposeAsync();
            await _redis.DisposeAsync();
            await _upstream.DisposeAsync();
        }

        private Task<RedisResult> CommandAsync(ConnectionMultiplexer connection, string[] command) =>
            connection.GetServer(_redis.Address).ExecuteAsync(command[0], [.. command[1..]]);
    }
}
