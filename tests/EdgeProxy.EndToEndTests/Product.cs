using System.Diagnostics;
using System.Threading.Channels;

namespace EdgeProxy.EndToEndTests;

/// <summary>The published product, started as a user starts it. tests/run.sh publishes it and says so in EDGEPROXY_BINARY.</summary>
internal sealed class Product : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly List<string> _seen = [];
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private int _openStreams = 2;

    private Product(Process process) => _process = process;

    public static string Binary { get; } = Environment.GetEnvironmentVariable("EDGEPROXY_BINARY")
        ?? throw new InvalidOperationException("EDGEPROXY_BINARY is not set; run tests/run.sh, or publish src/EdgeProxy and set it");

    public static string RepositoryRoot { get; } = FindRoot();

    /// <summary>All lines of standard output and standard error that were read so far.</summary>
    public string Output => string.Join('\n', _seen);

    /// <summary>Starts the product in <paramref name="folder"/>, without standard input.</summary>
    public static Product Start(string folder, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(Binary, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var product = new Product(new Process { StartInfo = start });
        product._process.OutputDataReceived += (_, line) => product.Take(line.Data);
        product._process.ErrorDataReceived += (_, line) => product.Take(line.Data);
        product._process.Start();
        product._process.StandardInput.Close();
        product._process.BeginOutputReadLine();
        product._process.BeginErrorReadLine();
        return product;
    }

    public static Product Start(params string[] arguments) =>
        Start(Path.GetTempPath(), new Dictionary<string, string>(), arguments);

    /// <summary>Waits until <paramref name="condition"/> holds.</summary>
    public static async Task UntilAsync(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(Patience);
        while (!condition())
        {
            await Task.Delay(20, deadline.Token);
        }
    }

    /// <summary>Runs a verb to its end.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(params string[] arguments)
    {
        await using var product = Start(arguments);
        return (await product.ExitAsync(), product.Output);
    }

    /// <summary>Reads on until a line contains <paramref name="text"/>.</summary>
    public async Task<string> LineAsync(string text)
    {
        using var deadline = new CancellationTokenSource(Patience);
        try
        {
            await foreach (var line in _lines.Reader.ReadAllAsync(deadline.Token))
            {
                _seen.Add(line);
                if (line.Contains(text, StringComparison.Ordinal))
                {
                    return line;
                }
            }
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"edgeproxy has not said \"{text}\":\n{Output}");
        }

        throw new InvalidOperationException($"edgeproxy ended without saying \"{text}\":\n{Output}");
    }

    /// <summary>Waits for the end of the process and of its output.</summary>
    public async Task<int> ExitAsync()
    {
        using var deadline = new CancellationTokenSource(Patience);
        await foreach (var line in _lines.Reader.ReadAllAsync(deadline.Token))
        {
            _seen.Add(line);
        }

        await _process.WaitForExitAsync(deadline.Token);
        return _process.ExitCode;
    }

    /// <summary>Sends <paramref name="signal"/>, such as `TERM`.</summary>
    public async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", _process.Id.ToString()]);
        await kill.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "EdgeProxy.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("EdgeProxy.sln was not found above the tests");
        }

        return folder.FullName;
    }

    private void Take(string? line)
    {
        if (line is not null)
        {
            _lines.Writer.TryWrite(line);
        }
        else if (Interlocked.Decrement(ref _openStreams) == 0)
        {
            _lines.Writer.Complete();
        }
    }
}
