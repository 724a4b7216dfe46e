using System.Diagnostics;

namespace Leases;

/// <summary>Three edges, the Redis they share, and the upstream behind them, all on this machine.</summary>
internal sealed class Cluster : IDisposable
{
    private const int Rate = 1000;
    private const int Buckets = 24;

    private readonly string _folder = Directory.CreateTempSubdirectory("leases").FullName;
    private readonly Upstream _upstream = new();
    private readonly List<Node> _nodes = [];
    private int _used;

    private Cluster() => Store = new Store(_folder);

    public Store Store { get; }

    public string Clocks => string.Join(", ", _nodes.Select(node => $"{node.Ahead:+0.00;-0.00} s"));

    public static async Task<Cluster> StartAsync(string binary, double[] skews, bool isSkewed)
    {
        var cluster = new Cluster();
        await File.WriteAllTextAsync(Path.Combine(cluster._folder, "edgeproxy.json"), cluster.Configuration());
        await cluster.Store.ReadyAsync();
        foreach (var skew in skews)
        {
            var node = new Node(binary, cluster._folder, isSkewed && skew != 0 ? $"{skew:+0.0;-0.0}" : "");
            cluster._nodes.Add(node);
            await node.StartAsync();
        }

        await cluster.LoadOf(cluster._nodes).RunAsync("warm", 4000, TimeSpan.FromSeconds(4));
        return cluster;
    }

    public static async Task PassAsync(TimeSpan time) => await Task.Delay(time, TimeProvider.System);

    /// <summary>One client with a bucket of its own that is full at first.</summary>
    public async Task<string> MeasureAsync(string name, double load, TimeSpan time, int bursts = 1, Func<Task>? during = null)
    {
        var before = await Store.CallsAsync();
        var bucket = $"b{_used++}";
        var run = LoadOf(_nodes).RunAsync(bucket, (int)(Rate * load), time);
        await Task.WhenAll(run, during?.Invoke() ?? Task.CompletedTask);
        var shares = await SumAsync($"edgeproxy_ratelimit_decisions_total{{policy=\"{bucket}\",decision=\"allow\",source=\"local\"}}");
        return Report.Line(name, load, await run, Rate, bursts, await Store.CallsAsync() - before, shares.Values.Sum());
    }

    /// <summary>Kills a node every 5 s, one after the other, and starts it again at once.</summary>
    public async Task KillAsync(TimeSpan time)
    {
        var clock = Stopwatch.StartNew();
        for (var i = 0; clock.Elapsed + TimeSpan.FromSeconds(5) < time; i++)
        {
            var wait = (TimeSpan.FromSeconds(5) * (i + 1)) - clock.Elapsed;
            await PassAsync(wait > TimeSpan.Zero ? wait : TimeSpan.Zero); // the one before may have taken long to start
            var node = _nodes[i % _nodes.Count];
            node.Kill();
            await node.StartAsync();
        }
    }

    /// <summary>The histogram of waits on the store, summed over the nodes.</summary>
    public Task<Dictionary<string, double>> WaitsAsync() => SumAsync("edgeproxy_ratelimit_store_duration_seconds");

    /// <summary>A client at one node whose bucket is all but empty.</summary>
    public async Task<string> RefuseAsync()
    {
        var run = LoadOf(_nodes[..1]).RunAsync("few", 10_000, TimeSpan.FromSeconds(6));
        var calls = new List<long>();
        var total = await Store.CallsAsync();
        for (var i = 0; i < 6; i++)
        {
            await PassAsync(TimeSpan.FromSeconds(1));
            var now = await Store.CallsAsync();
            calls.Add(now - total);
            total = now;
        }

        var outcome = await run;
        var refused = Enumerable.Range(0, outcome.Due.Length).Where(i => outcome.Status[i] == 429)
            .GroupBy(i => (int)outcome.At(outcome.Answered[i])).OrderBy(second => second.Key).Select(second => second.Count());
        return "One client at one node, capacity 100, refill 1 a second. Refused in each second: "
            + $"{string.Join(", ", refused)}; calls to the store: {string.Join(", ", calls)}.";
    }

    /// <summary>Many clients, each with a bucket that is not full.</summary>
    public async Task<string> CrowdAsync(int clients)
    {
        await PassAsync(TimeSpan.FromSeconds(4));
        var (keys, bytes) = (await Store.KeysAsync(), await Store.NumberAsync("memory", "used_memory"));
        await LoadOf(_nodes).RunAsync("each", 4000, TimeSpan.FromSeconds(clients / 4000.0));
        (keys, bytes) = (await Store.KeysAsync() - keys, await Store.NumberAsync("memory", "used_memory") - bytes);
        return $"\nRedis with {keys} clients of one limit more: {(double)bytes / keys:F0} bytes each, its tables of keys included.";
    }

    public void Dispose()
    {
        _nodes.ForEach(node => node.Dispose());
        Store.Dispose();
        _upstream.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private Load LoadOf(IReadOnlyList<Node> nodes) => new(nodes, _upstream);

    private string Configuration()
    {
        var buckets = Enumerable.Range(0, Buckets).Select(i => $"b{i}").Append("warm").ToList();
        var policies = string.Join(",\n", buckets.Select(name => Policy(name, "Client", Rate, Rate, "1s"))
            .Append(Policy("few", "Client", 100, 1, "1s")).Append(Policy("each", "Header:X-Client", 100, 100, "1d")));
        var routes = string.Join(",\n", buckets.Concat(["few", "each"]).Select(name =>
            $$"""    "{{name}}": { "ClusterId": "up", "Match": { "Path": "/{{name}}/{**rest}" }, "RateLimiterPolicy": "{{name}}" }"""));
        return $$"""
            {
              "Edge": { "Listen": [ "http://127.0.0.1:0" ], "Admin": { "Listen": "http://127.0.0.1:0" },
                "Store": { "Redis": "127.0.0.1:{{Store.Port}}" } },
              "RateLimits": {
            {{policies}}
              },
              "ReverseProxy": { "Routes": {
            {{routes}}
              }, "Clusters": { "up": { "Destinations": { "a": { "Address": "http://127.0.0.1:{{_upstream.Port}}/" } } } } }
            }
            """;
    }

    private async Task<Dictionary<string, double>> SumAsync(string prefix)
    {
        var all = await Task.WhenAll(_nodes.Select(node => node.ReadAsync(prefix)));
        return all.SelectMany(one => one).GroupBy(one => one.Key, one => one.Value).ToDictionary(one => one.Key, one => one.Sum());
    }

    private static string Policy(string name, string per, int capacity, int refill, string every) => $$"""
            "{{name}}": { "Per": "{{per}}", "Limits": [
              { "Name": "all", "Capacity": {{capacity}}, "Refill": {{refill}}, "Every": "{{every}}" } ] }
        """;
}
