using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Leases;

/// <summary>One edge: the published binary, as a process that can be killed and started again on the same port.</summary>
internal sealed partial class Node(string binary, string folder, string skew) : IDisposable
{
    /// <summary>Where Debian's package `faketime` puts its library.</summary>
    private static readonly string[] Faketime =
    [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    ];

    private Process? _process;
    private string _admin = "";

    public int Port { get; private set; }

    public bool IsUp { get; private set; }

    /// <summary>By how much its clock is ahead of this process's, as its first line says; in seconds.</summary>
    public double Ahead { get; private set; }

    public async Task StartAsync()
    {
        var start = new ProcessStartInfo(binary, ["run", "--config", folder])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (skew.Length > 0)
        {
            start.Environment["LD_PRELOAD"] = Faketime.First(File.Exists);
            start.Environment["FAKETIME"] = skew;
            start.Environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
            start.Environment["FAKETIME_FORCE_MONOTONIC_FIX"] = "0"; // else waits of .NET end as much too late or too early
        }

        var ready = new TaskCompletionSource();
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Read(line.Data, ready);
        _process.ErrorDataReceived += (_, line) => Read(line.Data, ready);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await ready.Task.WaitAsync(TimeSpan.FromSeconds(60));
        IsUp = true;
    }

    public void Kill()
    {
        IsUp = false;
        _process?.Kill();
        _process?.WaitForExit();
    }

    public void Dispose() => Kill();

    /// <summary>The series of the admin listener whose name begins so, by their whole name.</summary>
    public async Task<Dictionary<string, double>> ReadAsync(string prefix)
    {
        using var client = new HttpClient();
        var text = await client.GetStringAsync(new Uri($"{_admin}/metrics"));
        return text.Split('\n').Where(line => line.StartsWith(prefix, StringComparison.Ordinal)).Select(line => line.Split(' '))
            .ToDictionary(parts => parts[0], parts => double.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    private void Read(string? line, TaskCompletionSource ready)
    {
        if (line is null)
        {
            ready.TrySetException(new InvalidOperationException("An edge has ended: " + folder));
            return;
        }

        if (Time().Match(line) is { Success: true } time && !ready.Task.IsCompleted)
        {
            Ahead = (DateTimeOffset.Parse(time.Value, CultureInfo.InvariantCulture) - TimeProvider.System.GetUtcNow()).TotalSeconds;
        }

        if (Ready().Match(line) is { Success: true } match)
        {
            Port = int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
            _admin = match.Groups[2].Value;
            ready.TrySetResult();
        }
    }

    [GeneratedRegex(@"Ready: traffic on http://127\.0\.0\.1:(\d+), admin on (http://[0-9.:]+)")]
    private static partial Regex Ready();

    [GeneratedRegex(@"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")]
    private static partial Regex Time();
}
