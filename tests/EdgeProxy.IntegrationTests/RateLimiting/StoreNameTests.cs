using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using EdgeProxy.Configuration;
using EdgeProxy.IntegrationTests.Peers;
using EdgeProxy.Redis;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>A store whose name or address leads to another server than before.</summary>
public sealed class StoreNameTests
{
    private static readonly IPAddress First = IPAddress.Parse("127.0.0.1");
    private static readonly IPAddress Second = IPAddress.Parse("127.0.0.2");

    [Fact]
    public async Task A_primary_that_has_become_read_only_is_left_for_the_one_behind_the_same_address()
    {
        await using var old = await RedisServer.StartAsync();
        await using var other = await RedisServer.StartAsync();
        await using var relay = new TcpRelay(old.Port);
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await SharedLimitsTests.StartAsync(relay.Address, upstream, """
            "RateLimits": { "standard": { "Per": "Global", "Limits": [ { "Name": "day", "Capacity": 10, "Refill": 1, "Every": "1h" } ] } },
            """);
        await SharedLimitsTests.UpAsync(edge);

        relay.Target = other.Port;
        await using var admin = await old.ConnectAsync();
        await admin.GetDatabase().ExecuteAsync("REPLICAOF", "127.0.0.1", $"{other.Port}");
        await using var there = await other.ConnectAsync();
        await Wait.UntilAsync(
            async () => await there.GetDatabase().SortedSetLengthAsync("rl:nodes") == 1 && SharedLimitsTests.Store(edge).IsUp,
            "the edge has signed on at the other one");
    }

    [Fact]
    public async Task A_name_that_leads_elsewhere_is_followed_while_the_old_server_lives()
    {
        await using var old = await RedisServer.StartAsync();
        await using var other = RedisServer.NotStarted(old.Port, "--bind", $"{Second}");
        await using var node = new Node($"redis.example:{old.Port}");
        node.Resolver = [First];
        await node.StartAsync();
        await Wait.UntilAsync(() => node.Store.IsUp, "the first server is up");

        await other.StartAgainAsync();
        node.Resolver = null; // it fails: the last good addresses stay
        await Wait.UntilAsync(() => node.Failed > 0, "the resolver has been asked in vain");
        Assert.True(node.Store.IsUp);
        node.Resolver = [Second];
        await using var there = await StackExchange.Redis.ConnectionMultiplexer.ConnectAsync(
            $"{Second}:{old.Port},abortConnect=false");
        await Wait.UntilAsync(
            async () => await there.GetDatabase().SortedSetLengthAsync("rl:nodes") == 1 && node.Store.IsUp, "the second server is used");
    }

    [Fact]
    public async Task Of_several_addresses_one_that_lets_nobody_in_is_passed_over()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var node = new Node($"redis.example:{redis.Port}");
        node.Resolver = [IPAddress.IPv6Loopback, Second, First];
        await node.StartAsync();
        await Wait.UntilAsync(() => node.Store.IsUp, "the one that is there is used");
    }

    /// <summary>The way to the store by itself, with a resolver of the test's own.</summary>
    private sealed class Node : IAsyncDisposable
    {
        private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        private readonly CallDeadlines _deadlines;
        private readonly StoreWorker _worker;

        public Node(string address)
        {
            var time = TimeProvider.System;
            var options = new StoreOptions { Redis = address };
            var servers = new StoreServers(options);
            _deadlines = new CallDeadlines(time, options);
            Store = new RedisStore(time, servers, _deadlines, new RedisMetrics(_services.GetRequiredService<IMeterFactory>(), servers));
            var connector = new StoreConnector(options, new StoreNames(ResolveAsync), time);
            var status = new StoreStatus(options, Store, servers, connector, _deadlines, time);
            _worker = new StoreWorker(Store, servers, connector, status, time, NullLogger<StoreWorker>.Instance);
        }

        public RedisStore Store { get; }

        /// <summary>What the name leads to; null: nobody knows.</summary>
        public IPAddress[]? Resolver { get; set; }

        public int Failed { get; private set; }

        public Task StartAsync() => _worker.StartAsync(CancellationToken.None);

        public async ValueTask DisposeAsync()
        {
            await _worker.StopAsync(CancellationToken.None);
            _worker.Dispose();
            _deadlines.Dispose();
            await _services.DisposeAsync();
        }

        private Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellation)
        {
            if (Resolver is { } addresses)
            {
                return Task.FromResult(addresses);
            }

            Failed++;
            return Task.FromException<IPAddress[]>(new SocketException((int)SocketError.TryAgain));
        }
    }
}
