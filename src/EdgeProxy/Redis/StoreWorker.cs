using Microsoft.Extensions.Hosting;
using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>
/// Connects to Redis in the background, so that the edge starts without it; tells the other nodes that this one lives; and,
/// while the store does not answer, asks it again until it does. No request takes part in any of that.
/// </summary>
internal sealed partial class StoreWorker(
    RedisStore store, ConfigurationOptions options, TimeProvider time, ILogger<StoreWorker> logger) : BackgroundService
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

    private static readonly RedisScript Heartbeat = RedisScript.Load("Redis", "heartbeat");

    private readonly RedisValue[] _node = [Guid.NewGuid().ToString("N")];
    private readonly TaskCompletionSource _looked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _nudge = new(0, 1);
    private ConnectionMultiplexer? _connection;
    private ConnectionFailureType? _failure;
    private string? _refusal;
    private Task _search = Task.CompletedTask;

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
        var (wasUp, looks) = (true, 0);
        while (!stoppingToken.IsCancellationRequested)
        {
            _connection ??= await ConnectAsync();
            var probedAt = time.GetTimestamp();
            var isUp = await store.ProbeAsync(BeatAsync, Nudge);
            if (isUp || _connection is not { IsConnected: true } || ++looks == MostLooks)
            {
                _looked.TrySetResult();
            }

            if (isUp != wasUp && _looked.Task.IsCompleted)
            {
                LogChange(isUp);
                wasUp = isUp;
            }

            _refusal = null;

            if (!isUp && _search.IsCompleted)
            {
                _search = SearchAsync();
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

    private async Task<ConnectionMultiplexer?> ConnectAsync()
    {
        try
        {
            var connection = await ConnectionMultiplexer.ConnectAsync(options);
            connection.ConnectionFailed += (_, failed) => _failure = failed.FailureType;
            connection.ConnectionRestored += (_, _) => Nudge();
            connection.ConfigurationChanged += (_, _) => Learn(connection);
            connection.HashSlotMoved += (_, _) => Learn(connection);
            store.Use(connection);
            return connection;
        }
        catch (Exception exception) when (exception is RedisException or IOException or System.Net.Sockets.SocketException)
        {
            return null;
        }
    }

    /// <summary>
    /// Asks the servers that are left who serves what now. The client asks by itself when a connection breaks, which is before another
    /// server has taken over, and then once a minute.
    /// </summary>
    private async Task SearchAsync()
    {
        try
        {
            if (_connection is { } connection && connection.GetEndPoints().Length > 1 && await connection.ConfigureAsync()
                && (store.Use(connection) || !store.IsCluster))
            {
                Nudge();
            }
        }
        catch (Exception exception) when (exception is RedisException or ObjectDisposedException or TimeoutException)
        {
            // Nobody knows yet: asked again with the next probe.
        }
    }

    /// <summary>Who serves what may have changed; servers that are new have to answer before they are asked.</summary>
    private void Learn(ConnectionMultiplexer connection)
    {
        if (store.Use(connection))
        {
            Nudge();
        }
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

    /// <summary>Why the last look was in vain. Nothing of the connection string but its addresses is ever named.</summary>
    private string Reason() => _refusal is { } refusal ? $"it answers \"{refusal}\""
        : _connection is { IsConnected: true } ? $"no answer within {CallDeadlines.Longest.TotalMilliseconds} ms"
        : _failure is { } failure ? $"no connection ({failure})"
        : "no connection";

    private void LogChange(bool isUp)
    {
        if (isUp)
        {
            LogUp(logger);
        }
        else
        {
            LogDown(logger, string.Join(", ", store.Silent(options.EndPoints).Select(EndPointCollection.ToString)), Reason());
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The store answers; all limits are shared")]
    private static partial void LogUp(ILogger logger);

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "The store at {Places} is out of reach: {Reason}; policies do what OnStoreOutage says")]
    private static partial void LogDown(ILogger logger, string places, string reason);
}
