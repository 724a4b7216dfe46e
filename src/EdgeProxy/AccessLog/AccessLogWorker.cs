using System.Buffers;
using System.Text;
using EdgeProxy.Configuration;
using Microsoft.Extensions.Hosting;

namespace EdgeProxy.AccessLog;

/// <summary>
/// Writes the lines of the access log, on a thread of its own: whoever reads them may be slow. A file is opened for each batch, so that
/// it can be moved away while the edge runs.
/// </summary>
internal sealed partial class AccessLogWorker(
    AccessLogQueue queue, Revisions revisions, TimeProvider time, ILogger<AccessLogWorker> logger) : IHostedService
{
    private const int BatchBytes = 64 << 10;

    /// <summary>How long the end of the process waits for lines to be written.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan BetweenComplaints = TimeSpan.FromMinutes(1);

    private readonly ArrayBufferWriter<byte> _batch = new(BatchBytes);
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
            _batch.ResetWrittenCount();
            var lines = 0;
            while (_batch.WrittenCount < BatchBytes && queue.TryTake(out var line))
            {
                _batch.Write(line);
                lines++;
            }

            if (queue.TakeDropped() is var dropped and > 0)
            {
                _batch.Write(Encoding.ASCII.GetBytes(
                    $"{{\"time\":\"{time.GetUtcNow():yyyy-MM-ddTHH:mm:ss.fffZ}\",\"droppedLines\":{dropped}}}\n"));
            }

            try
            {
                Write(revisions.Current.Edge.AccessLog.Path);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
            {
                queue.Drop(lines);
                Complain(exception.Message);
            }
        }
    }

    private void Write(string? path)
    {
        if (path is not null)
        {
            using var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            file.Write(_batch.WrittenSpan);
            return;
        }

        lock (Console.Out) // which writes its own lines under this lock: none ends up inside another
        {
            using var output = Console.OpenStandardOutput();
            output.Write(_batch.WrittenSpan);
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
