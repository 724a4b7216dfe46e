using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Leases;

/// <summary>A redis-server of our own, which can be paused.</summary>
internal sealed class Store : IDisposable
{
    private readonly Process _process;

    public Store(string folder)
    {
        using (var port = new TcpListener(IPAddress.Loopback, 0))
        {
            port.Start();
            Port = ((IPEndPoint)port.LocalEndpoint).Port;
        }

        _process = Process.Start(new ProcessStartInfo(
            "redis-server",
            ["--port", $"{Port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder])
        {
            RedirectStandardOutput = true,
        })!;
        _process.BeginOutputReadLine();
    }

    public int Port { get; }

    public void Signal(string name)
    {
        using var kill = Process.Start("kill", ["-" + name, $"{_process.Id}"]);
        kill.WaitForExit();
    }

    /// <summary>Scripts called since the start, heartbeats aside: each of those, and nothing else, adds to a sorted set.</summary>
    public async Task<long> CallsAsync()
    {
        var info = await AskAsync("INFO", "commandstats");
        return Calls(info, "evalsha") + Calls(info, "eval") - Calls(info, "zadd");
    }

    public async Task<long> NumberAsync(string section, string name)
    {
        var line = (await AskAsync("INFO", section)).Split("\r\n").First(line => line.StartsWith(name + ":", StringComparison.Ordinal));
        return long.Parse(line[(name.Length + 1)..], CultureInfo.InvariantCulture);
    }

    public async Task<long> KeysAsync() => long.Parse((await AskAsync("DBSIZE"))[1..].Trim(), CultureInfo.InvariantCulture);

    public async Task ReadyAsync()
    {
        for (var tries = 0; ; tries++)
        {
            try
            {
                await AskAsync("PING");
                return;
            }
            catch (SocketException) when (tries < 1000)
            {
                await Task.Yield();
            }
        }
    }

    public void Dispose()
    {
        Signal("CONT");
        _process.Kill();
        _process.Dispose();
    }

    private static long Calls(string info, string command)
    {
        var start = info.IndexOf($"cmdstat_{command}:calls=", StringComparison.Ordinal);
        return start < 0 ? 0 : long.Parse(info[start..].Split('=')[1].Split(',')[0], CultureInfo.InvariantCulture);
    }

    /// <summary>A reply of one line or one text; nothing else is asked for.</summary>
    private async Task<string> AskAsync(params string[] words)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(string.Join(' ', words) + "\r\n"));
        using var reader = new StreamReader(stream, Encoding.ASCII);
        var first = (await reader.ReadLineAsync())!;
        if (first[0] != '$')
        {
            return first;
        }

        var text = new char[int.Parse(first[1..], CultureInfo.InvariantCulture)];
        await reader.ReadBlockAsync(text);
        return new string(text);
    }
}
