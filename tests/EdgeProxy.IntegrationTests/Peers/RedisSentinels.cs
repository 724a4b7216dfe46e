using System.Diagnostics;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>A real primary with a replica, and three real Sentinels that watch them.</summary>
internal sealed class RedisSentinels : IAsyncDisposable
{
    public const string Service = "limits";

    private readonly List<(Process Process, int Port)> _sentinels = [];
    private readonly string _folder = Directory.CreateTempSubdirectory("edgeproxy-sentinel-").FullName;

    private RedisSentinels(RedisServer primary, RedisServer replica) => (Primary, Replica) = (primary, replica);

    public RedisServer Primary { get; }

    public RedisServer Replica { get; }

    /// <summary>Those of the Sentinels, as JSON.</summary>
    public string Endpoints => string.Join(", ", _sentinels.Select(sentinel => $"\"127.0.0.1:{sentinel.Port}\""));

    public static async Task<RedisSentinels> StartAsync()
    {
        var primary = await RedisServer.StartAsync();
        var replica = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{primary.Port}");
        var sentinels = new RedisSentinels(primary, replica);
        await Wait.UntilAsync(
            async () => (await AskAsync(replica.Port, "INFO", "replication")).Contains("master_link_status:up", StringComparison.Ordinal),
            "the replica has what the primary has");
        for (var i = 0; i < 3; i++)
        {
            sentinels.StartOne();
        }

        await Wait.UntilAsync(sentinels.KnowAllAsync, "the Sentinels know each other and the replica");
        return sentinels;
    }

    public Task<bool> HaveElectedAsync() => NamesAsync(Replica.Port);

    public async ValueTask DisposeAsync()
    {
        foreach (var (process, _) in _sentinels)
        {
            await process.EndAsync();
            process.Dispose();
        }

        await Replica.DisposeAsync();
        await Primary.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private void StartOne()
    {
        var port = RedisServer.FreePort();
        var file = Path.Combine(_folder, $"{port}.conf");
        File.WriteAllText(file, $"""
            port {port}
            bind 127.0.0.1
            dir {_folder}
            sentinel monitor {Service} 127.0.0.1 {Primary.Port} 2
            sentinel down-after-milliseconds {Service} 1000
            sentinel failover-timeout {Service} 3000

            """);
        var process = Process.Start(
            new ProcessStartInfo("redis-server", [file, "--sentinel"]) { RedirectStandardOutput = true, WorkingDirectory = _folder })!;
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        _sentinels.Add((process, port));
    }

    private async Task<bool> KnowAllAsync()
    {
        foreach (var (_, port) in _sentinels)
        {
            var known = (await AskAsync(port, "SENTINEL", "MASTER", Service)).Split('\n');
            if (Of("num-other-sentinels") != "2" || Of("num-slaves") != "1")
            {
                return false;
            }

            string? Of(string field) => Array.IndexOf(known, field) is var at and >= 0 ? known[at + 1] : null;
        }

        return true;
    }

    private async Task<bool> NamesAsync(int port)
    {
        var named = await AskAsync(_sentinels[0].Port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", Service);
        return named.EndsWith($"\n{port}", StringComparison.Ordinal);
    }

    /// <summary>Empty: it does not answer.</summary>
    private static async Task<string> AskAsync(int port, params string[] command)
    {
        var start = new ProcessStartInfo("redis-cli", ["-p", $"{port}", .. command]) { RedirectStandardOutput = true };
        using var client = Process.Start(start)!;
        var said = await client.StandardOutput.ReadToEndAsync();
        await client.WaitForExitAsync();
        return said.Trim();
    }
}
