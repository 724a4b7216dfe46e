using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections.Features;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Upstreams;

/// <summary>
/// Keeps connections that carry an identity to whom it belongs. A client that speaks HTTP/1.1 and is no trusted proxy has such a
/// connection for as long as its own lasts: one connection, one user. All others may carry many users on one connection, and get a new
/// one for each exchange. As long as nobody has one, a request pays for one comparison.
/// </summary>
internal sealed class OwnConnections : IDisposable
{
    /// <summary>Clusters that one client connection may be known to; beyond, the oldest connection ends.</summary>
    public const int MaxPerClient = 4;

    private readonly ConcurrentDictionary<string, Bound> _clients = new(StringComparer.Ordinal);
    private int _count;

    /// <summary>Client connections that have connections of their own.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The request must not go on a pooled connection: it has such a credential, or its client has a connection already.</summary>
    public bool IsFor(HttpRequestMessage request, HttpContext client, string cluster) =>
        ConnectionAuthentication.IsCredential(request) || Find(client, cluster) is not null;

    /// <summary>The client has a connection to <paramref name="cluster"/> that may carry its identity.</summary>
    public bool IsBound(HttpContext client, string cluster) => Find(client, cluster) is not null;

    /// <summary>The destination that the client's own connection leads to, where it is one of <paramref name="candidates"/>.</summary>
    public IReadOnlyList<DestinationState> Narrow(HttpContext client, string cluster, IReadOnlyList<DestinationState> candidates)
    {
        if (Find(client, cluster) is { } known)
        {
            foreach (var candidate in candidates)
            {
                if (candidate.DestinationId == known.Destination)
                {
                    return [candidate];
                }
            }
        }

        return candidates;
    }

    /// <summary>The connection for a request that <see cref="IsFor"/> is true of.</summary>
    public OwnConnection Take(HttpContext client, string cluster, string destination, object owner, Func<HttpMessageInvoker> open)
    {
        if (Bind(client, cluster, destination, owner, open) is { } bound)
        {
            return bound;
        }

        var once = new OwnConnection(cluster, destination, owner, open());
        client.Response.RegisterForDispose(once);
        return once;
    }

    /// <summary>Gives the client a connection of its own from now on; null when its connection may be of several users.</summary>
    public OwnConnection? Bind(HttpContext client, string cluster, string destination, object owner, Func<HttpMessageInvoker> open)
    {
        if (!IsOneUser(client) || client.Features.Get<IConnectionLifetimeFeature>() is not { } lifetime)
        {
            return null;
        }

        var id = client.Connection.Id;
        if (!_clients.TryGetValue(id, out var bound))
        {
            _clients[id] = bound = new Bound(); // requests of one HTTP/1.1 connection come one after another
            Interlocked.Increment(ref _count);
            lifetime.ConnectionClosed.UnsafeRegister(static state =>
            {
                var (all, closed) = ((OwnConnections, string))state!;
                all.End(closed);
            }, (this, id));
        }

        return bound.TakeOrAdd(cluster, destination, owner, open);
    }

    public void Dispose()
    {
        foreach (var (id, _) in _clients)
        {
            End(id);
        }
    }

    private static bool IsOneUser(HttpContext client) =>
        (HttpProtocol.IsHttp11(client.Request.Protocol) || HttpProtocol.IsHttp10(client.Request.Protocol)) && !client.Edge().PeerIsTrusted;

    private OwnConnection? Find(HttpContext client, string cluster) =>
        Volatile.Read(ref _count) != 0 && _clients.TryGetValue(client.Connection.Id, out var bound) ? bound.Find(cluster) : null;

    private void End(string id)
    {
        if (_clients.TryRemove(id, out var bound))
        {
            Interlocked.Decrement(ref _count);
            bound.Dispose();
        }
    }

    /// <summary>The connections of one client connection, the one used last at the end.</summary>
    private sealed class Bound : IDisposable
    {
        private readonly Lock _changing = new();
        private readonly List<OwnConnection> _connections = [];
        private bool _hasEnded;

        public OwnConnection? Find(string cluster)
        {
            lock (_changing)
            {
                return _connections.Find(one => one.Cluster == cluster);
            }
        }

        /// <summary>The one to this destination; another destination of the cluster takes its place.</summary>
        public OwnConnection? TakeOrAdd(string cluster, string destination, object owner, Func<HttpMessageInvoker> open)
        {
            lock (_changing)
            {
                if (_hasEnded)
                {
                    return null;
                }

                var known = _connections.Find(one => one.Cluster == cluster);
                var isSame = known is not null && known.Destination == destination && known.Owner == owner;
                var end = isSame ? null : known ?? (_connections.Count == MaxPerClient ? _connections[0] : null);
                if (end is not null)
                {
                    _connections.Remove(end);
                    end.Dispose();
                }

                var taken = isSame ? known! : new OwnConnection(cluster, destination, owner, open());
                _connections.Remove(taken);
                _connections.Add(taken);
                return taken;
            }
        }

        public void Dispose()
        {
            lock (_changing)
            {
                _hasEnded = true;
                _connections.ForEach(one => one.Dispose());
                _connections.Clear();
            }
        }
    }
}
