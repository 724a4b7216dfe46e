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
/// A connection counts from before it is accepted until its socket is closed: a burst takes no more descriptors than there are,
/// however late the server comes to serve it. A connection beyond the bound is closed here, before a byte of it is read.
/// </summary>
internal sealed class ClientSockets(
    IOptions<SocketTransportOptions> options, Descriptors descriptors, IConnectionBound bound, TimeProvider time, ILoggerFactory logging)
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

    private Descriptors Descriptors => descriptors;

    private IConnectionBound Bound => bound;

    public bool CanBind(EndPoint endpoint) => _sockets.CanBind(endpoint);

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var listener = new Listener(await _sockets.BindAsync(endpoint, cancellationToken), this);
        _listeners.Add(listener);
        descriptors.ListenerOpened();
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

    /// <summary>Waits until there is a descriptor for one more connection, and keeps it.</summary>
    private async ValueTask ReserveAsync(CancellationToken cancellation)
    {
        while (!descriptors.TryOpen())
        {
            await Task.Delay(Pause, time, cancellation);
        }
    }

    private void Leave(ClientConnection connection)
    {
        descriptors.Closed();
        bound.Leave(connection);
        _open.TryRemove(connection, out _);
        if (_lastClosed is { } lastClosed && _open.IsEmpty)
        {
            lastClosed.TrySetResult();
        }
    }

    private sealed class Listener(IConnectionListener inner, ClientSockets sockets) : IConnectionListener
    {
        private volatile bool _isBehind;
        private int _isDisposed;

        public EndPoint EndPoint => inner.EndPoint;

        /// <summary>Clients may be waiting.</summary>
        public bool IsBehind => _isBehind;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (true)
            {
                _isBehind = true;
                if (!sockets._isStopping)
                {
                    await new PoolTurn(); // as many clients as there is time for; the others wait in the socket's queue, and not open ones
                }

                await sockets.ReserveAsync(cancellationToken);
                if (await AcceptReservedAsync(cancellationToken) is not { } socket)
                {
                    return null;
                }

                var connection = new ClientConnection(socket, sockets.Leave);
                if (await sockets.Bound.EnterAsync(connection))
                {
                    sockets._open.TryAdd(connection, 0);
                    return connection;
                }

                socket.Abort();
                await socket.DisposeAsync();
                sockets.Descriptors.Closed();
            }
        }

        private async ValueTask<ConnectionContext?> AcceptReservedAsync(CancellationToken cancellationToken)
        {
            ConnectionContext? socket = null;
            try
            {
                var accepting = inner.AcceptAsync(cancellationToken);
                _isBehind = accepting.IsCompleted;
                return socket = await accepting;
            }
            finally
            {
                if (socket is null)
                {
                    sockets.Descriptors.Closed();
                }
            }
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => inner.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync()
        {
            if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            {
                sockets.Descriptors.ListenerClosed();
            }

            return inner.DisposeAsync();
        }
    }
}
