using System.Diagnostics.Metrics;
using EdgeProxy.Configuration;
using EdgeProxy.Metrics;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Connections;

/// <summary>
/// How many connections may be open to the traffic listeners together, upgraded ones included. One beyond is closed before a byte of
/// it is read: a flood takes neither the file descriptors that requests need toward their destinations nor those of the admin listener.
/// </summary>
internal sealed partial class ConnectionBound
{
    /// <summary>File descriptors that are left to files, the store, the admin listener and the runtime.</summary>
    private const int Reserved = 256;

    private const long DefaultMin = 64;
    private const long DefaultMax = 1_000_000;

    /// <summary>One line of log in so long.</summary>
    private static readonly TimeSpan LogPeriod = TimeSpan.FromMinutes(1);

    private readonly long _max;
    private readonly Counter<long> _refused;
    private readonly TimeProvider _time;
    private readonly ILogger<ConnectionBound> _logger;
    private long _open;
    private long _loggedAt;

    public ConnectionBound(Revisions revisions, IMeterFactory meters, TimeProvider time, ILogger<ConnectionBound> logger)
    {
        _max = revisions.First.Edge.Connections.Max ?? DefaultFor(ProcessMetrics.MaxOpenFiles());
        _refused = meters.CreateEdgeMeter().CreateCounter<long>(
            "edgeproxy_connections_refused_total", description: "Connections closed at once because as many as allowed were open.");
        _refused.Add(0);
        _time = time;
        _logger = logger;
    }

    /// <summary>Half of the file descriptors: a request under way has two, its client's and its destination's.</summary>
    public static long DefaultFor(double openFiles) => (long)Math.Clamp((openFiles - Reserved) / 2, DefaultMin, DefaultMax);

    public async Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        try
        {
            if (Interlocked.Increment(ref _open) <= _max)
            {
                await next(connection);
            }
            else
            {
                Refuse(connection);
            }
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }

    private void Refuse(ConnectionContext connection)
    {
        _refused.Add(1);
        var now = _time.GetTimestamp();
        var last = Volatile.Read(ref _loggedAt);
        if ((last == 0 || _time.GetElapsedTime(last, now) >= LogPeriod) && Interlocked.CompareExchange(ref _loggedAt, now, last) == last)
        {
            LogRefused(_logger, _max);
        }

        connection.Abort();
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{Max} connections are open, which is Edge.Connections.Max; new ones are closed at once")]
    private static partial void LogRefused(ILogger logger, long max);
}
