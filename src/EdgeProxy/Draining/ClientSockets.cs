using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace EdgeProxy.Draining;

/// <summary>
/// Kestrel's socket transport, with a hand on two things that Kestrel does only together: to stop accepting, and to close
/// idle connections. In between, a client that has just sent a request on a connection it believed open is still served.
/// </summary>
internal sealed class ClientSockets(
    IOptions<SocketTransportOptions> options, Descriptors descriptors, TimeProvider time, ILoggerFactory logging)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    /// <summary>Clients that may wait for a connection to be accepted; fewer where the system allows fewer.</summary>
    public const int LongestQueue = ushort.MaxValue;

    /// <summary>While no descriptor is left for a client, the listener looks again after so long: it does not spin.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly SocketTransportFactory _sockets = new(options, logging);
    private readonly ConcurrentBag<Listener> _listeners = [];
    private readonly ConcurrentDictionary<ConnectionContext, byte> _open = new();
    private volatile TaskCompletionSource? _lastClosed;
    private volatile bool _isStopping;

    private bool HasNoDescriptor => descriptors.AreUsedUp && !_isStopping;

    private TimeProvider Time => time;

    public bool CanBind(EndPoint endpoint) => _sockets.CanBind(endpoint);

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var listener = new Listener(await _sockets.BindAsync(endpoint, cancellationToken), this);
        _listeners.Add(listener);
        return listener;
    }

    /// <summary>
    /// Closes the listening sockets: new connections are refused, open ones go on. Clients that wait for one to be accepted believe
    /// theirs to be open, and are let in first.
    /// </summary>
    /// <param name="patience">Ends the letting in: while others keep coming, or time is short, the queue may never be empty.</param>
    public async Task StopAcceptingAsync(CancellationToken patience)
    {
        _isStopping = true;
        foreach (var listener in _listeners)
        {
            for (var turns = 0; listener.IsBehind && turns < LongestQueue && !patience.IsCancellationRequested; turns++)
            {
                await new PoolTurn();
            }

            await listener.UnbindAsync(CancellationToken.None); // in any case
        }
    }

    /// <summary>Tells HTTP/2 clients to open no more streams here: GOAWAY. Their open streams go on.</summary>
    public void SendGoAway()
    {
        foreach (var (connection, _) in _open)
        {
            if (SpeaksHttp2(connection))
            {
                connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
            }
        }
    }

    private static bool SpeaksHttp2(ConnectionContext connection)
    {
        try
        {
            return connection.Features.Get<ITlsApplicationProtocolFeature>()?.ApplicationProtocol.Span.SequenceEqual("h2"u8) == true;
        }
        catch (InvalidOperationException)
        {
            return false; // a TLS connection whose handshake has not ended, or has failed
        }
    }

    /// <summary>Completes when no client is connected any more; at once when none is. Asked for once, after accepting ended.</summary>
    public Task WhenAllClosed()
    {
        var lastClosed = _lastClosed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_open.IsEmpty)
        {
            lastClosed.TrySetResult();
        }

        return lastClosed.Task;
    }

    private void Opened(ConnectionContext connection)
    {
        _open.TryAdd(connection, 0);
        connection.ConnectionClosed.UnsafeRegister(static (state, _) =>
        {
            var (sockets, closed) = ((ClientSockets, ConnectionContext))state!;
            sockets.Closed(closed);
        }, (this, connection));
    }

    private void Closed(ConnectionContext connection)
    {
        _open.TryRemove(connection, out _);
        if (_lastClosed is { } lastClosed && _open.IsEmpty)
        {
            lastClosed.TrySetResult();
        }
    }

    private sealed class Listener(IConnectionListener inner, ClientSockets sockets) : IConnectionListener
    {
        private volatile bool _isBehind;

        public EndPoint EndPoint => inner.EndPoint;

        /// <summary>Clients may be waiting.</summary>
        public bool IsBehind => _isBehind;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            _isBehind = true;
            if (!sockets._isStopping)
            {
                await new PoolTurn(); // as many clients as there is time for; the others wait in the socket's queue, and not open ones
            }

            while (sockets.HasNoDescriptor)
            {
                await Task.Delay(Pause, sockets.Time, cancellationToken);
            }

            var accepting = inner.AcceptAsync(cancellationToken);
            _isBehind = accepting.IsCompleted;
            var connection = await accepting;
            if (connection is not null)
            {
                sockets.Opened(connection);
            }

            return connection;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => inner.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
