using EdgeProxy.Configuration;
using Microsoft.Extensions.Hosting;

namespace EdgeProxy.AccessLog;

/// <summary>
/// Writes the lines of the access log, on a thread of its own: whoever reads them may be slow. A file is opened for each batch, so that
/// it can be moved away while the edge runs. What could not be written whole counts as lost, and the next line begins on a line of its own.
/// </summary>
internal sealed partial class AccessLogWorker(
    AccessLogQueue queue, Revisions revisions, RunOptions options, TimeProvider time, ILogger<AccessLogWorker> logger) : IHostedService
{
    // Links to whatever the process was started with, a regular file perhaps: they mean the streams, not what is behind them.
    private const string StandardOutput = "/dev/stdout";
    private const string StandardError = "/dev/stderr";

    /// <summary>How long the end of the process waits for lines to be written.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan BetweenComplaints = TimeSpan.FromMinutes(1);

    private readonly LogBatch _batch = new();
    private Task _writing = Task.CompletedTask;
    private long _complained = long.MinValue;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _writing = Task.Factory.StartNew(
            WriteAll, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        queue.Complete();
        await Task.WhenAny(_writing, Task.Delay(Farewell, time, cancellationToken));
    }

    private void WriteAll()
    {
        while (queue.WaitAsync().AsTask().GetAwaiter().GetResult())
        {
            _batch.Begin(queue.TakeDropped(), time.GetUtcNow());
            while (_batch.HasRoom && queue.TryTake(out var line))
            {
                _batch.Add(line);
            }

            var (written, obstacle) = TryWrite(revisions.Current.Edge.AccessLog.Path);
            var (lost, unsaid) = _batch.Wrote(written);
            if (obstacle is not null)
            {
                queue.Drop(lost);
                queue.GiveBack(unsaid);
                Complain(obstacle);
            }
        }
    }

    /// <returns>How many bytes were written, and why not all of them.</returns>
    private (int Written, string? Obstacle) TryWrite(string? path)
    {
        try
        {
            if (path is not null and not (StandardOutput or StandardError))
            {
                using var file = LogTarget.Open(path, options);
                return (LogTarget.Write(file, _batch.Bytes, out var obstacle), obstacle);
            }

            lock (Console.Out) // which writes its own lines under this lock: none ends up inside another
            {
                using var output = path == StandardError ? StandardStreams.OpenError() : StandardStreams.OpenOutput();
                output.Write(_batch.Bytes);
            }

            return (_batch.Bytes.Length, null);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return (0, exception.Message);
        }
    }

    private void Complain(string reason)
    {
        var now = time.GetTimestamp();
        if (_complained == long.MinValue || time.GetElapsedTime(_complained, now) >= BetweenComplaints)
        {
            _complained = now;
            LogFailed(logger, reason);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The access log cannot be written: {Reason}")]
    private static partial void LogFailed(ILogger logger, string reason);
}
