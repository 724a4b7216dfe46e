using System.Net.Sockets;
using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>Which connection is the one to use: the first, and those that take its place.</summary>
internal sealed partial class StoreWorker
{
    /// <summary>From one look at where the store is to the next while all is well.</summary>
    private static readonly TimeSpan LookAround = TimeSpan.FromSeconds(5);

    /// <summary>From one connection that is given up for a better one to the next.</summary>
    private static readonly TimeSpan ReconnectAgain = TimeSpan.FromSeconds(1);

    private long _connectedAt;
    private long _lookedAt;

    private async Task<ConnectionMultiplexer?> ConnectAsync(CancellationToken stopping)
    {
        try
        {
            if (await connector.ConnectAsync(stopping) is { } connection)
            {
                Take(connection);
                return connection;
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping: the loop ends.
        }

        return null;
    }

    private void Take(ConnectionMultiplexer connection)
    {
        connection.ConnectionRestored += (_, _) =>
        {
            _inspectedAt = 0;
            Nudge();
        };
        connection.ConfigurationChanged += (_, _) => Learn(connection);
        connection.HashSlotMoved += (_, _) => Learn(connection);
        _connectedAt = time.GetTimestamp();
        _inspectedAt = 0;
        _connection = connection;
        store.Use(connection);
    }

    /// <summary>
    /// During an outage: asks the servers that are left who serves what now, and connects anew where that may lead to another server.
    /// The client asks by itself when a connection breaks, which is before another server has taken over, and then once a minute.
    /// </summary>
    private async Task SearchAsync(string? refusal, CancellationToken stopping)
    {
        try
        {
            if (_connection is not { } connection)
            {
                return;
            }

            if (await connector.HasMovedAsync(stopping) || IsDeadEnd(connection, refusal))
            {
                await ReconnectAsync(connection, mustBeConnected: false, stopping);
            }
            else if (connection.GetEndPoints().Length > 1 && await connection.ConfigureAsync()
                && (store.Use(connection) || !store.IsCluster))
            {
                Nudge();
            }
        }
        catch (Exception exception) when (exception
            is RedisException or ObjectDisposedException or TimeoutException or SocketException or OperationCanceledException)
        {
            // Nobody knows yet: asked again with the next probe.
        }
    }

    /// <summary>While all is well: a name that leads elsewhere, or another primary, is followed before the old one is gone.</summary>
    private async Task LookAroundAsync(CancellationToken stopping)
    {
        try
        {
            await InspectAsync();
            if (time.GetElapsedTime(_lookedAt) >= LookAround && !store.IsCluster && _connection is { } connection)
            {
                _lookedAt = time.GetTimestamp();
                if (await connector.HasMovedAsync(stopping))
                {
                    await ReconnectAsync(connection, mustBeConnected: true, stopping);
                }
            }
        }
        catch (Exception exception) when (exception
            is RedisException or ObjectDisposedException or TimeoutException or SocketException or OperationCanceledException)
        {
            // Looked again later.
        }
    }

    /// <summary>
    /// What is connected to will not do, though it stands: a primary that is one no more, or one that has long been silent. Behind the
    /// same address there may be another by now.
    /// </summary>
    private bool IsDeadEnd(ConnectionMultiplexer connection, string? refusal)
    {
        if (store.IsCluster || !connection.IsConnected || time.GetElapsedTime(_connectedAt) < ReconnectAgain)
        {
            return false;
        }

        var isReadOnly = refusal?.StartsWith("READONLY", StringComparison.Ordinal) == true
            || connection.GetServers().All(server => !server.IsConnected || server.IsReplica);
        return isReadOnly || store.IsSilent(servers.All[0]);
    }

    private async Task ReconnectAsync(ConnectionMultiplexer old, bool mustBeConnected, CancellationToken stopping)
    {
        _connectedAt = time.GetTimestamp();
        if (await connector.ConnectAsync(stopping) is not { } connection)
        {
            return;
        }

        if (stopping.IsCancellationRequested || (mustBeConnected && !connection.IsConnected))
        {
            await connection.DisposeAsync();
            return;
        }

        Take(connection);
        Nudge();
        await old.CloseAsync(allowCommandsToComplete: false);
        await old.DisposeAsync();
    }

    /// <summary>Who serves what may have changed; servers that are new have to answer before they are asked.</summary>
    private void Learn(ConnectionMultiplexer connection)
    {
        if (ReferenceEquals(connection, _connection) && store.Use(connection))
        {
            _inspectedAt = 0;
            Nudge();
        }
    }
}
