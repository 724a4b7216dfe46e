using System.Runtime.InteropServices;
using EdgeProxy.Configuration;

namespace EdgeProxy.Cli;

/// <summary>
/// What the process does about signals. TERM, QUIT and INT drain, a second one ends the process at once; HUP, which log rotation, a habit
/// or a terminal that closes sends, has the files read again; USR1 and USR2 are said in the log and do nothing.
/// </summary>
internal sealed partial class Signals : IDisposable
{
    private const int Quit = 3;
    private const int Interrupt = 2;
    private const int Terminate = 15;

    private static readonly (PosixSignal Signal, string Name)[] Users = OperatingSystem.IsLinux()
        ? [((PosixSignal)10, "SIGUSR1"), ((PosixSignal)12, "SIGUSR2")]
        : [((PosixSignal)30, "SIGUSR1"), ((PosixSignal)31, "SIGUSR2")];

    private readonly TaskCompletionSource<PosixSignal> _stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<PosixSignalRegistration> _registrations = [];
    private volatile Gateway? _gateway;

    public Signals()
    {
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGQUIT])
        {
            _registrations.Add(PosixSignalRegistration.Create(signal, OnStop));
        }

        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnHangup));
        if (!OperatingSystem.IsWindows())
        {
            _registrations.AddRange(Users.Select(user =>
                PosixSignalRegistration.Create(user.Signal, context => OnUser(context, user.Name))));
        }
    }

    /// <summary>Completes with the first signal that is to end the process.</summary>
    public Task<PosixSignal> Stop => _stop.Task;

    /// <summary>The edge serves: signals are for it.</summary>
    public void Serve(Gateway gateway) => _gateway = gateway;

    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());

    private void OnStop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        if (!_stop.TrySetResult(signal.Signal))
        {
            // Not left to the system: it ignores a signal that process 1 of a container does not handle itself.
            Environment.Exit(128 + signal.Signal switch
            {
                PosixSignal.SIGINT => Interrupt,
                PosixSignal.SIGQUIT => Quit,
                _ => Terminate,
            });
        }
    }

    private void OnHangup(PosixSignalContext signal)
    {
        signal.Cancel = true;
        if (_gateway is { } gateway)
        {
            var logger = LoggerOf(gateway);
            LogReread(logger);
            gateway.Services.GetRequiredService<RereadRequests>().Add();
        }
    }

    private void OnUser(PosixSignalContext signal, string name)
    {
        signal.Cancel = true;
        if (_gateway is { } gateway)
        {
            var logger = LoggerOf(gateway);
            LogIgnored(logger, name);
        }
    }

    private static ILogger LoggerOf(Gateway gateway) => gateway.Services.GetRequiredService<ILogger<Signals>>();

    [LoggerMessage(Level = LogLevel.Information, Message = "SIGHUP: the configuration is read again")]
    private static partial void LogReread(ILogger logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Signal} does nothing here")]
    private static partial void LogIgnored(ILogger logger, string signal);
}
