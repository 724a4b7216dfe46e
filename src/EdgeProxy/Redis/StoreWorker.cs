using Microsoft.Extensions.Hosting;
using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>
/// Connects to Redis in the background, so that the edge starts without it; tells the other nodes that this one lives; and,
/// while the store does not answer, asks it again until it does. No request takes part in any of that.
/// </summary>
internal sealed partial class StoreWorker(
    RedisStore store, StoreServers servers, StoreConnector connector, StoreStatus status, TimeProvider time, ILogger<StoreWorker> logger)
    : BackgroundService
{
    /// <summary>While all is well.</summary>
    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(1);

    /// <summary>From the first probe of an outage to the last: limits hold again within two seconds of the store's return.</summary>
    private static readonly TimeSpan FirstProbe = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LastProbe = TimeSpan.FromSeconds(1);

    /// <summary>From one probe to the next, whatever has happened in between.</summary>
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(20);

    /// <summary>A start waits no longer for the store; where there is no connection, no longer than one takes.</summary>
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(2);

    /// <summary>So many answers that come too late are no accident of the start.</summary>
    private const int MostLooks = 10;

    /// <summary>From one look at the store's own configuration to the next.</summary>
    private static readonly TimeSpan InspectAgain = TimeSpan.FromMinutes(1);

    private static readonly RedisScript Heartbeat = RedisScript.Load("Redis", "heartbeat");
    private static readonly RedisScript Inspect = RedisScript.Load("Redis", "inspect");

    private readonly RedisValue[] _node = [Guid.NewGuid().ToString("N")];
    private readonly TaskCompletionSource _looked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _nudge = new(0, 1);
    private readonly StoreReport _report = new();
    private ConnectionMultiplexer? _connection;
    private string? _refusal;
    private Task _search = Task.CompletedTask;
    private long _inspectedAt;
    private string? _evicts;

    /// <summary>
    /// Waits a moment for a store that is there: a node that serves before it has heard of it would hold each client to the whole limit
    /// once more, not knowing of any other node.
    /// </summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await base.StartAsync(cancellationToken);
        await Task.WhenAny(_looked.Task, Task.Delay(LongestLook, time, cancellationToken));
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await _search.WaitAsync(LongestLook, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (Interlocked.Exchange(ref _connection, null) is { } connection)
        {
            store.Leave(_node[0]);
            await connection.DisposeAsync();
        }
    }

    public override void Dispose()
    {
        _nudge.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        store.Missed += Nudge;
        var wait = FirstProbe;
        var looks = 0;
        while (!stoppingToken.IsCancellationRequested)
        {
            _connection ??= await ConnectAsync(stoppingToken);
            var probedAt = time.GetTimestamp();
            _refusal = null;
            var isUp = await store.ProbeAsync(BeatAsync, Nudge);
            if (isUp || _connection is not { IsConnected: true } || ++looks == MostLooks)
            {
                _looked.TrySetResult();
            }

            await ReportAsync(isUp, stoppingToken);
            if (_search.IsCompleted)
            {
                _search = isUp ? LookAroundAsync(stoppingToken) : SearchAsync(_refusal, stoppingToken);
            }

            var isNudged = await WaitAsync(isUp ? Beat : wait, stoppingToken);
            wait = isUp ? FirstProbe : isNudged ? wait : TimeSpan.FromTicks(Math.Min(wait.Ticks * 3 / 2, LastProbe.Ticks));
            if (_looked.Task.IsCompleted)
            {
                // A store that always answers, and always late, nudges each time, as does each request that it is late for.
                var rest = ShortestPause - time.GetElapsedTime(probedAt);
                await Task.Delay(rest > TimeSpan.Zero ? rest : TimeSpan.Zero, time, stoppingToken)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task<int> BeatAsync(IDatabase database, RedisKey nodes)
    {
        try
        {
            return (int)await Heartbeat.RunAsync(database, [nodes], _node);
        }
        catch (RedisServerException exception)
        {
            _refusal = exception.Message;
            throw;
        }
    }

    /// <summary>A Redis that evicts makes limits hold no more, at any time and without a word: so it is said beforehand.</summary>
    private async Task InspectAsync()
    {
        if (_inspectedAt != 0 && time.GetElapsedTime(_inspectedAt) < InspectAgain)
        {
            return;
        }

        _inspectedAt = time.GetTimestamp();
        foreach (var server in servers.All)
        {
            if (server.Heartbeat is { } key)
            {
                var reply = await store.AskPatientlyAsync(
                    static async (database, key) => (string?)await Inspect.RunAsync(database, [key], []), key);
                server.EvictionPolicy = string.IsNullOrEmpty(reply.Value) ? null : reply.Value;
            }
        }

        var evicts = servers.All.FirstOrDefault(server => server.Evicts)?.EvictionPolicy;
        if (evicts is not null && evicts != _evicts)
        {
            LogEvicts(logger, evicts);
        }

        _evicts = evicts;
    }

    /// <summary>Whether something has happened meanwhile.</summary>
    private async Task<bool> WaitAsync(TimeSpan time, CancellationToken stopping)
    {
        try
        {
            return await _nudge.WaitAsync(time, stopping);
        }
        catch (OperationCanceledException)
        {
            return false; // stopping: the loop ends
        }
    }

    /// <summary>Something has happened: look now rather than when the wait is over.</summary>
    private void Nudge()
    {
        try
        {
            if (_nudge.CurrentCount == 0)
            {
                _nudge.Release();
            }
        }
        catch (Exception exception) when (exception is SemaphoreFullException or ObjectDisposedException)
        {
            // Nudged already, or nobody left to nudge.
        }
    }

    private async Task ReportAsync(bool isUp, CancellationToken stopping)
    {
        if (!_looked.Task.IsCompleted)
        {
            return;
        }

        if (isUp)
        {
            status.IsUp();
        }
        else
        {
            status.IsDown(_refusal, _connection is { IsConnected: true }, connector.Failure);
        }

        switch (_report.Observe(isUp, time.GetElapsedTime(0)))
        {
            case StoreNews.Down:
                if (_refusal is null && _connection is not { IsConnected: true })
                {
                    status.IsDown(null, isConnected: false, await connector.ExplainAsync(stopping));
                }

                LogDown(logger, status.Places(), status.Detail);
                break;
            case StoreNews.Up:
                LogUp(logger, _report.Lasted.TotalSeconds);
                break;
            case StoreNews.Unsteady:
                LogUnsteady(logger, status.Places(), _report.Short, _report.Lasted.TotalMilliseconds);
                _report.Said();
                break;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The store answers again after {Seconds:F1} s; all limits are shared")]
    private static partial void LogUp(ILogger logger, double seconds);

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "The store at {Places} is out of reach: {Reason}; policies do what OnStoreOutage says")]
    private static partial void LogDown(ILogger logger, string places, string? reason);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The store at {Places} was out of reach {Count} times for less than a second, {Milliseconds:F0} ms together: "
            + "where its answers take longer than Edge.Store.Deadline, raise it or look at what keeps Redis or this machine busy")]
    private static partial void LogUnsteady(ILogger logger, string places, int count, double milliseconds);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The store evicts keys when it is short of memory (maxmemory-policy {Policy}): buckets vanish and their limits hold no "
            + "more. Set it to noeviction")]
    private static partial void LogEvicts(ILogger logger, string policy);
}
