using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>A real redis-server on a free port of 127.0.0.1 that keeps nothing on disk. It can be killed, paused and restarted.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edgeproxy-redis-").FullName;
    private readonly string[] _arguments;
    private Process? _process;

    private RedisServer(int port, string[] arguments)
    {
        Port = port;
        _arguments = arguments;
    }

    public int Port { get; }

    public string Address => $"127.0.0.1:{Port}";

    /// <summary>A port that nothing listens on now.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public static async Task<RedisServer> StartAsync(params string[] arguments)
    {
        var server = NotStarted(FreePort(), arguments);
        await server.StartAgainAsync();
        return server;
    }

    public static RedisServer NotStarted(int port, params string[] arguments) => new(port, arguments);

    /// <summary>Starts it on the port it had. A missing binary fails the test.</summary>
    public async Task StartAgainAsync()
    {
        var start = new ProcessStartInfo("redis-server") { RedirectStandardOutput = true, WorkingDirectory = _folder };
        string[] all = ["--port", $"{Port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", .. _arguments];
        foreach (var argument in all)
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        await Wait.UntilAsync(AcceptsAsync, "redis-server accepts connections");
    }

    public Task KillAsync() => _process!.EndAsync();

    public Task PauseAsync() => _process!.SignalAsync("STOP");

    public Task ContinueAsync() => _process!.SignalAsync("CONT");

    public async Task<ConnectionMultiplexer> ConnectAsync(string options = "") =>
        await ConnectionMultiplexer.ConnectAsync($"{Address},allowAdmin=true,{options}");

    /// <summary>Scripts run since the start, by Redis's own count: heartbeats, which alone add to a sorted set, aside.</summary>
    public async Task<long> ScriptsAsync()
    {
        await using var admin = await ConnectAsync();
        var stats = (await admin.GetServer(Address).InfoAsync("commandstats")).SelectMany(group => group).ToDictionary();
        long Of(string command, string field) => stats.GetValueOrDefault("cmdstat_" + command)?.Split(',')
            .Where(one => one.StartsWith(field + "=", StringComparison.Ordinal)).Select(one => long.Parse(one[(field.Length + 1)..], null))
            .FirstOrDefault() ?? 0;
        return Of("evalsha", "calls") - Of("evalsha", "failed_calls") + Of("eval", "calls") - Of("zadd", "calls");
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await KillAsync();
            _process.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private async Task<bool> AcceptsAsync()
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
