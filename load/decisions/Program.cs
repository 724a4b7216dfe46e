// What a decision costs: nanoseconds and bytes, with the product's own parts in this process. decisions REDIS-PORT small|full
using System.Collections.Immutable;
using System.Globalization;
using Decisions;
using EdgeProxy;
using EdgeProxy.Configuration;
using EdgeProxy.RateLimiting;
using EdgeProxy.Redis;
using Microsoft.Extensions.DependencyInjection;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var scale = args[1] == "full" ? 5 : 1;
var folder = Directory.CreateTempSubdirectory("decisions").FullName;
await File.WriteAllTextAsync(Path.Combine(folder, "edgeproxy.json"), $$$"""
    {
      "Edge": { "Listen": [ "http://127.0.0.1:0" ], "Admin": { "Listen": "http://127.0.0.1:0" },
        "Store": { "Redis": "127.0.0.1:{{{args[0]}}}" } },
      "ReverseProxy": {
        "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" } } },
        "Clusters": { "up": { "Destinations": { "a": { "Address": "http://127.0.0.1:1/" } } } }
      }
    }
    """);
var read = ConfigurationReader.Read(folder, TimeProvider.System);
var revision = read.Revision ?? throw new InvalidOperationException(string.Join('\n', read.Faults));
await using var gateway = Gateway.Create(new RunOptions { ConfigPath = folder }, revision);
await gateway.StartAsync();
var store = gateway.Services.GetRequiredService<IBucketStore>();
using (var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(10)))
{
    while (!gateway.Services.GetRequiredService<RedisStore>().IsUp && await tick.WaitForNextTickAsync())
    {
    }
}

var ample = Of("ample", DecisionMode.Leased, 1_000_000_000, 1_000_000_000);
var empty = Of("empty", DecisionMode.Leased, 100, 1);
var strict = Of("strict", DecisionMode.Strict, 1_000_000_000, 1_000_000_000);
var memory = new MemoryBucketStore(TimeProvider.System);
Console.WriteLine("| decision | ns | bytes | of which so decided |\n|---|--:|--:|--:|");
var rounds = 2_000_000 * scale;
Console.WriteLine(await Bench.RunAsync("unlimited", store, Bench.Take(ample, null), DecisionSource.Unlimited, rounds));
Console.WriteLine(await Bench.RunAsync("leased", store, Bench.Take(ample, ample.Set), DecisionSource.Lease, rounds));
Console.WriteLine(await Bench.RunAsync("refused by the node", store, Bench.Take(empty, empty.Set), DecisionSource.DenyCache, rounds));
Console.WriteLine(await Bench.RunAsync("in memory", memory, Bench.Take(ample, ample.Set), DecisionSource.Store, rounds));
Console.WriteLine(await Bench.RunAsync("strict, one by one", store, Bench.Take(strict, strict.Set), DecisionSource.Store, rounds / 100));

var before = GC.GetAllocatedBytesForCurrentThread();
GC.KeepAlive(new RateLimitVerdict(1));
Console.WriteLine($"\nThe verdict of a limited request, not counted above: {GC.GetAllocatedBytesForCurrentThread() - before} bytes.");
Console.WriteLine(await Crowd.RunAsync(1_000_000, TimeSpan.FromSeconds(10 * scale)));
await gateway.StopAsync(TimeSpan.Zero);
Directory.Delete(folder, recursive: true);

static RateLimitPolicy Of(string name, DecisionMode decide, long capacity, long refill) => new()
{
    Name = name,
    Decide = decide,
    Limits = ImmutableArray.Create(new Limit("all", capacity, refill, TimeSpan.FromSeconds(1))),
};
