using System.CommandLine;
using System.Runtime.InteropServices;
using EdgeProxy.Configuration;
using EdgeProxy.Tls;

namespace EdgeProxy.Cli;

/// <summary>`edgeproxy run`: serve until told to stop. The first signal drains, a second one ends the process at once.</summary>
internal static class RunVerb
{
    public static Command Create()
    {
        var config = new Option<string>("--config") { Description = "Configuration file or folder", DefaultValueFactory = _ => "config" };
        var state = new Option<string?>("--state") { Description = "Folder that keeps the last good revision" };
        Array.ForEach<Option>([config, state], option => option.Validators.Add(static given =>
        {
            // Of a unit file, say, whose variable is not set.
            if (given.Tokens is [{ Value: "" }])
            {
                given.AddError("A path is empty.");
            }
        }));
        var fallBack = new Option<bool>("--fall-back") { Description = "Start from the last good revision if the files are faulty" };
        var command = new Command("run", "Serve") { config, state, fallBack };
        command.SetAction((parsed, _) => RunAsync(new RunOptions
        {
            ConfigPath = parsed.GetValue(config)!,
            StatePath = parsed.GetValue(state),
            FallBack = parsed.GetValue(fallBack),
        }));
        return command;
    }

    /// <summary>
    /// Serves until a signal ends it, or a crash of one of its parts, which the host has logged: an edge is whole or not at all.
    /// <paramref name="started"/> is called once all listeners are open.
    /// </summary>
    public static async Task<int> RunAsync(RunOptions options, Action<Gateway>? started = null)
    {
        var start = await StartingPoint.LoadAsync(options, TimeProvider.System);
        await ReportAsync(start.Faults);
        return start.Revision is null ? Verbs.Failure : await ServeAsync(options, start, started);
    }

    private static async Task ReportAsync(IEnumerable<Fault> faults)
    {
        foreach (var fault in faults)
        {
            await Console.Error.WriteLineAsync(fault.ToString());
        }
    }

    private static async Task<int> ServeAsync(RunOptions options, StartingPoint start, Action<Gateway>? started)
    {
        using var signals = new Signals();
        if (CertificateStore.Obstacle(start.Revision!.Edge) is { } obstacle)
        {
            await Console.Error.WriteLineAsync($"edgeproxy: {obstacle}");
            return Verbs.Failure;
        }

        if (await CreateAsync(options, start) is not { } created)
        {
            return Verbs.Failure;
        }

        await using var gateway = created;
        try
        {
            await gateway.StartAsync();
        }
        catch (IOException cannotListen)
        {
            await Console.Error.WriteLineAsync($"edgeproxy: {cannotListen.Message}");
            return Verbs.Failure;
        }

        signals.Serve(gateway);
        started?.Invoke(gateway);
        var crash = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var crashed = gateway.Stopping.Register(() => crash.TrySetResult());
        await Task.WhenAny(signals.Stop, crash.Task);
        var isTold = signals.Stop.IsCompleted;
        await gateway.StopAsync(acceptFirst: options.AcceptsOnStop && isTold && await signals.Stop != PosixSignal.SIGINT);
        return isTold ? Verbs.Success : Verbs.Failure;
    }

    /// <summary>YARP has the last word on a revision; what it refuses is a fault like any other. Null: there is nothing to serve.</summary>
    private static async Task<Gateway?> CreateAsync(RunOptions options, StartingPoint start)
    {
        try
        {
            return Gateway.Create(options, start);
        }
        catch (InvalidOperationException refused) when (refused.InnerException is not null)
        {
            var fault = ConfigurationCheck.ToFault(refused, start.Revision!, "$.ReverseProxy");
            if (start.FellBack || !options.FallBack)
            {
                await ReportAsync([fault]);
                return null;
            }

            var lastGood = await StartingPoint.FallBackAsync(options, [fault], TimeProvider.System);
            await ReportAsync(lastGood.Faults);
            return lastGood.Revision is null ? null : await CreateAsync(options, lastGood);
        }
    }
}
