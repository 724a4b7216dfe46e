using System.Diagnostics.Metrics;
using EdgeProxy.Configuration;
using EdgeProxy.Metrics;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Connections;

/// <summary>
/// How many connections may be open to the traffic listeners together, upgraded ones included. One beyond is closed before a byte of
/// it is read: a flood takes neither the file descriptors that requests need toward their destinations nor those of the admin listener.
/// </summary>
internal sealed partial class ConnectionBound : IConnectionBound
{
    /// <summary>One line of log in so long.</summary>
    private static readonly TimeSpan LogPeriod = TimeSpan.FromMinutes(1);

    private readonly long? _configured;
    private readonly Descriptors _descriptors;
    private readonly Counter<long> _refused;
    private readonly TimeProvider _time;
    private readonly ILogger<ConnectionBound> _logger;
    private long _open;
    private long _loggedAt;

    public ConnectionBound(
        Revisions revisions, Descriptors descriptors, IMeterFactory meters, TimeProvider time, ILogger<ConnectionBound> logger)
    {
        _configured = revisions.First.Edge.Connections.Max;
        _descriptors = descriptors;
        _refused = meters.CreateEdgeMeter().CreateCounter<long>(
            "edgeproxy_connections_refused_total", description: "Connections closed at once because as many as allowed were open.");
        _refused.Add(0);
        _time = time;
        _logger = logger;
    }

    private long Max => _configured ?? _descriptors.Clients;

    public ValueTask<bool> EnterAsync(ConnectionContext connection)
    {
        var hasRoom = Interlocked.Increment(ref _open) <= Max;
        if (!hasRoom)
        {
            Interlocked.Decrement(ref _open);
            Refuse();
        }

        return ValueTask.FromResult(hasRoom);
    }

    public void Leave(ConnectionContext connection) => Interlocked.Decrement(ref _open);

    private void Refuse()
    {
        _refused.Add(1);
        var now = _time.GetTimestamp();
        var last = Volatile.Read(ref _loggedAt);
        if ((last == 0 || _time.GetElapsedTime(last, now) >= LogPeriod) && Interlocked.CompareExchange(ref _loggedAt, now, last) == last)
        {
            LogRefused(_logger, Max);
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{Max} connections are open, which is Edge.Connections.Max; new ones are closed at once")]
    private static partial void LogRefused(ILogger logger, long max);
}
