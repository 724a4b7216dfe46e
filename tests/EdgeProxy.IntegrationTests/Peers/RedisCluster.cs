using System.Diagnostics;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>Real Redis masters that share the slots, with replicas or without.</summary>
internal sealed class RedisCluster : IAsyncDisposable
{
    private readonly List<RedisServer> _nodes = [];

    public string Addresses => string.Join(',', _nodes.Select(node => node.Address));

    public static async Task<RedisCluster> StartAsync(int masters, int replicas, params string[] arguments)
    {
        var cluster = new RedisCluster();
        for (var i = 0; i < masters + replicas; i++)
        {
            cluster._nodes.Add(await RedisServer.StartAsync(
            [
                "--cluster-enabled", "yes", "--cluster-port", $"{RedisServer.FreePort()}", "--cluster-node-timeout", "2000",
                "--repl-diskless-sync-delay", "0", .. arguments,
            ]));
        }

        string[] nodes = [.. cluster._nodes.Select(node => node.Address)];
        await CommandAsync(["--cluster", "create", .. nodes, "--cluster-replicas", $"{replicas / masters}", "--cluster-yes"]);
        await Wait.UntilAsync(() => cluster.IsWholeAsync(), "all nodes know that all slots are served");
        return cluster;
    }

    /// <summary>On each node that is a master now.</summary>
    public async Task<string[]> OnMastersAsync(params string[] command)
    {
        var said = new List<string>();
        foreach (var node in _nodes)
        {
            if (await TryAsync(node, "ROLE") is { } role && role.StartsWith("master", StringComparison.Ordinal))
            {
                said.Add(await TryAsync(node, command) ?? "");
            }
        }

        return [.. said];
    }

    public async Task<RedisServer> OwnerOfAsync(string key)
    {
        var slot = await CommandAsync(["-p", $"{_nodes[0].Port}", "CLUSTER", "KEYSLOT", key]);
        var nodes = await CommandAsync(["-p", $"{_nodes[0].Port}", "CLUSTER", "NODES"]);
        var owner = nodes.Split('\n').Select(line => line.Split(' ')).First(words => words.Length > 8
            && words[2].Contains("master", StringComparison.Ordinal)
            && words[8].Split('-') is [var from, var to] && Number(from) <= Number(slot) && Number(slot) <= Number(to));
        return _nodes.Single(node => owner[1].StartsWith(node.Address + "@", StringComparison.Ordinal));
    }

    /// <summary>Each replica has been in touch with its master: else it would not take over.</summary>
    public async Task<bool> IsInStepAsync()
    {
        foreach (var node in _nodes)
        {
            var replication = await TryAsync(node, "INFO", "replication");
            if (replication!.Contains("role:slave", StringComparison.Ordinal)
                && !replication.Contains("master_link_status:up", StringComparison.Ordinal))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>All nodes that live say that all slots are served.</summary>
    public async Task<bool> IsWholeAsync(RedisServer? without = null)
    {
        foreach (var node in _nodes.Where(node => node != without))
        {
            if (await TryAsync(node, "CLUSTER", "INFO") is not { } info || !info.Contains("cluster_state:ok", StringComparison.Ordinal))
            {
                return false;
            }
        }

        return without is null || (await TryAsync(_nodes.First(node => node != without), "CLUSTER", "NODES"))!
            .Split('\n').Count(line => line.Split(' ') is { Length: > 8 } words
                && words[2].EndsWith("master", StringComparison.Ordinal)
                && (words[7] == "connected" || words[2].StartsWith("myself", StringComparison.Ordinal))) == 3;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }

    private static int Number(string text) => int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

    private static async Task<string?> TryAsync(RedisServer node, params string[] command)
    {
        try
        {
            return await CommandAsync(["-p", $"{node.Port}", .. command]);
        }
        catch (InvalidOperationException)
        {
            return null; // killed
        }
    }

    private static async Task<string> CommandAsync(string[] arguments)
    {
        using var client = Process.Start(new ProcessStartInfo("redis-cli", arguments) { RedirectStandardOutput = true })!;
        var said = await client.StandardOutput.ReadToEndAsync();
        await client.WaitForExitAsync();
        return client.ExitCode == 0 ? said.Trim() : throw new InvalidOperationException(said);
    }
}
