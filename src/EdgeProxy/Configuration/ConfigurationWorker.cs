using System.Collections.Immutable;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;

namespace EdgeProxy.Configuration;

/// <summary>
/// Watches the configuration and reloads it. What counts is a look at the contents every second: it sees what no watcher
/// tells of, such as a write that keeps the time, a link swapped elsewhere, a network folder. The watcher only makes it look
/// sooner, and may fail without harm.
/// </summary>
internal sealed partial class ConfigurationWorker(
    RunOptions options,
    StartingPoint start,
    ConfigurationReload reload,
    ReloadStatus status,
    ConfigurationMetrics metrics,
    LastGoodStore store,
    RereadRequests requests,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILogger<ConfigurationWorker> logger) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(100);

    /// <summary>What lies beside the configuration is looked at less often: there may be much of it.</summary>
    private static readonly TimeSpan IgnoredPeriod = TimeSpan.FromSeconds(5);

    /// <summary>How long checking may take, which is time that requests do not have. Ten thousand routes take seconds.</summary>
    private static readonly TimeSpan CheckPatience = TimeSpan.FromMinutes(2);

    private readonly Channel<bool> _hints = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly ReloadTrigger _trigger = new(start.FellBack ? null : start.Revision!.Files.Select(file => Path.GetFileName(file)));
    private readonly long _began = time.GetTimestamp();

    /// <summary>Faults that were reported at start and are not to be reported a second time.</summary>
    private ImmutableArray<Fault> _known = start.FellBack ? start.Faults : [];

    private TimeSpan _ignoredFrom;

    private TimeSpan Now => time.GetElapsedTime(_began);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        metrics.Observe();
        await ServingAsync(stoppingToken); // a revision that cannot listen is not a good one, and is not kept
        if (start.FellBack)
        {
            var faults = Counted.Of(start.Faults.Count(fault => fault.Severity == FaultSeverity.Error), "error");
            LogFellBack(logger, start.Revision!.Id, faults);
        }

        if (FileKind.IsPipe(options.ConfigPath))
        {
            return; // standard input, say: nothing will change there
        }

        requests.OnAdded(Hint);
        status.IgnoredFiles = IgnoredFiles.In(options.ConfigPath); // of which the start has told
        using var watcher = TryWatch();
        await using var timer = time.CreateTimer(_ => Hint(), null, TimeSpan.Zero, Period);
        await foreach (var _ in _hints.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                if (!await LookAsync(stoppingToken))
                {
                    timer.Change(Soon, Period);
                }
            }
            catch (IOException exception) when (Descriptors.AreMissing(exception))
            {
                LogCannotLook(logger, exception.Message); // the files are as they were, for all that is known
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // A bug must not end the watching: the next change may be one that can be read.
                LogFailed(logger, exception);
            }
        }
    }

    /// <summary>Waits until the listeners are open.</summary>
    private async Task ServingAsync(CancellationToken stopping)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(lifetime.ApplicationStarted, stopping);
        await Task.Delay(Timeout.InfiniteTimeSpan, time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stopping.ThrowIfCancellationRequested();
    }

    /// <summary>Looks at the files once. False: something is going on there, look again soon.</summary>
    private async Task<bool> LookAsync(CancellationToken stopping)
    {
        NoteIgnored();
        var snapshot = SourceSnapshot.Take(options.ConfigPath);
        if (requests.Take())
        {
            _trigger.Forget();
        }

        switch (_trigger.Observe(snapshot, Now))
        {
            case ReloadStep.Idle:
                return true;
            case ReloadStep.Restored:
                _trigger.Accepted(snapshot);
                reload.Restore();
                return true;
            case ReloadStep.Wait:
                return false;
            default:
                return await ReadAsync(snapshot, stopping);
        }
    }

    private async Task<bool> ReadAsync(SourceSnapshot snapshot, CancellationToken stopping)
    {
        var reading = ReadOptions.Default with { Patience = CheckPatience, Cancellation = stopping };
        var read = await ConfigurationCheck.OfFilesAsync(options.ConfigPath, time, reading);
        if (SourceSnapshot.Take(options.ConfigPath).Hash != snapshot.Hash)
        {
            return false; // written to while it was read
        }

        if (read.Faults.Any(fault => fault.Code == FaultCodes.NoDescriptors))
        {
            return true; // later: nothing is known of the files
        }

        var gone = string.Join(", ", _trigger.Gone(snapshot));
        var faults = await reload.ApplyAsync(read);
        if ((faults.Length == 0 || _trigger.IsQuiet(Now)) && gone.Length > 0)
        {
            LogGone(logger, gone);
        }

        if (faults.Length == 0)
        {
            _trigger.Accepted(snapshot);
            _known = [];
            Keep(snapshot);
            return true;
        }

        if (!_trigger.IsQuiet(Now))
        {
            return false;
        }

        _trigger.Refused(snapshot);
        if (!faults.SequenceEqual(_known))
        {
            reload.Refuse(faults);
        }

        _known = [];
        return true;
    }

    /// <summary>They change without the configuration: nothing else would read them.</summary>
    private void NoteIgnored()
    {
        if (Now < _ignoredFrom)
        {
            return;
        }

        _ignoredFrom = Now + IgnoredPeriod;
        var ignored = IgnoredFiles.In(options.ConfigPath);
        foreach (var file in ignored.Except(status.IgnoredFiles, StringComparer.Ordinal))
        {
            LogIgnored(logger, IgnoredFiles.ToWarning(file, options.ConfigPath));
        }

        status.IgnoredFiles = ignored;
    }

    private void Keep(SourceSnapshot snapshot)
    {
        var obstacle = store.Save(options.ConfigPath, snapshot);
        if (obstacle is not null && obstacle != status.StateWarning)
        {
            LogNotKept(logger, obstacle);
        }

        status.StateWarning = obstacle;
    }

    private FileSystemWatcher? TryWatch()
    {
        try
        {
            var watcher = new FileSystemWatcher(SourceSnapshot.FolderOf(options.ConfigPath));
            watcher.Changed += (_, _) => Hint();
            watcher.Created += (_, _) => Hint();
            watcher.Deleted += (_, _) => Hint();
            watcher.Renamed += (_, _) => Hint();
            watcher.Error += (_, error) => LogNotWatching(logger, error.GetException().Message);
            watcher.EnableRaisingEvents = true;
            return watcher;
        }
        catch (Exception exception) when (exception is IOException or ArgumentException or UnauthorizedAccessException)
        {
            LogNotWatching(logger, exception.Message);
            return null;
        }
    }

    private void Hint() => _hints.Writer.TryWrite(true);

    [LoggerMessage(
        Level = LogLevel.Critical,
        Message = "FALLEN BACK to the last good revision {Revision}: the files have {Faults} and are not being served")]
    private static partial void LogFellBack(ILogger logger, string revision, string faults);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Gone, and so taken for removed: {Files}")]
    private static partial void LogGone(ILogger logger, string files);

    [LoggerMessage(Level = LogLevel.Warning, Message = "No notice of file changes ({Reason}); the files are looked at every second")]
    private static partial void LogNotWatching(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The last good revision is not kept: {Reason}")]
    private static partial void LogNotKept(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The configuration cannot be looked at: {Reason}")]
    private static partial void LogCannotLook(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Warning}")]
    private static partial void LogIgnored(ILogger logger, Fault warning);

    [LoggerMessage(Level = LogLevel.Error, Message = "Looking at the configuration failed")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
