using System.Collections.Concurrent;
using System.Net.Sockets;
using Yarp.ReverseProxy;

namespace EdgeProxy.Resilience;

/// <summary>
/// Counts the connections to destinations, and keeps them below the process's share of descriptors. At the bound the idle connections of
/// the cluster that has most of them are closed; when none is idle, the attempt fails as the edge's own fault.
/// </summary>
internal sealed class UpstreamSockets(Descriptors descriptors, IServiceProvider services)
{
    private readonly ConcurrentDictionary<Pool, byte> _pools = [];
    private readonly Lock _closing = new();
    private long _open;

    /// <summary>Connections that are open, over all clusters.</summary>
    public long Open => Volatile.Read(ref _open);

    /// <summary>A place to count connections of one cluster.</summary>
    /// <param name="cluster">Its id.</param>
    /// <param name="closeIdle">Closes those that are idle, and no other.</param>
    public Pool Join(string cluster, Action closeIdle)
    {
        var pool = new Pool(this, cluster, closeIdle);
        _pools.TryAdd(pool, 0);
        return pool;
    }

    private bool TryOpen()
    {
        if (Interlocked.Increment(ref _open) <= descriptors.Destinations && descriptors.TryOpen())
        {
            return true;
        }

        Interlocked.Decrement(ref _open);
        return false;
    }

    private void Closed()
    {
        Interlocked.Decrement(ref _open);
        descriptors.Closed();
    }

    /// <summary>Opens one in place of idle ones.</summary>
    private bool TryReplace()
    {
        lock (_closing)
        {
            var tried = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
            while (!TryOpen())
            {
                if (MostIdle(tried) is not { } cluster)
                {
                    return false;
                }

                tried.Add(cluster);
                foreach (var (pool, _) in _pools)
                {
                    if (pool.Cluster == cluster)
                    {
                        pool.CloseIdle();
                    }
                }
            }

            return true;
        }
    }

    /// <summary>The cluster with most idle connections; null: none has any.</summary>
    private string? MostIdle(HashSet<string> except)
    {
        var open = new Dictionary<string, long>(StringComparer.OrdinalIgnoreCase);
        foreach (var (pool, _) in _pools)
        {
            open[pool.Cluster] = open.GetValueOrDefault(pool.Cluster) + pool.Open;
        }

        var (most, idle) = ((string?)null, 0L);
        foreach (var (cluster, count) in open)
        {
            if (!except.Contains(cluster) && count - Attempts(cluster) is var left && left > idle)
            {
                (most, idle) = (cluster, left);
            }
        }

        return most;
    }

    /// <summary>Attempts under way in the cluster: so many of its connections are not idle, or fewer where they share one.</summary>
    private long Attempts(string cluster)
    {
        // Not an argument of the constructor: YARP's state is made with the clients that this belongs to.
        if (!services.GetRequiredService<IProxyStateLookup>().TryGetCluster(cluster, out var state))
        {
            return 0;
        }

        var attempts = 0L;
        foreach (var (_, destination) in state.Destinations)
        {
            attempts += DestinationRuntime.Of(destination).InFlight;
        }

        return attempts;
    }

    /// <summary>Connections of one cluster, those of its probes included.</summary>
    internal sealed class Pool(UpstreamSockets sockets, string cluster, Action closeIdle) : IDisposable
    {
        private long _count;

        public string Cluster => cluster;

        public long Open => Volatile.Read(ref _count);

        public void CloseIdle() => closeIdle();

        /// <summary>Opens a connection.</summary>
        /// <param name="connect">Does it, and makes its stream of the connected socket as it is told.</param>
        public async ValueTask<Stream> ConnectAsync(Func<Func<Socket, Stream>, ValueTask<Stream>> connect)
        {
            if (!sockets.TryOpen() && !sockets.TryReplace())
            {
                throw new SocketException((int)SocketError.TooManyOpenSockets);
            }

            var place = new Place(this);
            try
            {
                return await connect(socket => new CountedStream(socket, place));
            }
            catch
            {
                place.Leave();
                throw;
            }
        }

        /// <summary>No connection is opened here any more.</summary>
        public void Dispose() => sockets._pools.TryRemove(this, out _);

        private void Enter() => Interlocked.Increment(ref _count);

        private void Leave()
        {
            Interlocked.Decrement(ref _count);
            sockets.Closed();
        }

        /// <summary>One connection, from the attempt to open it until it is closed.</summary>
        private sealed class Place
        {
            private readonly Pool _pool;
            private int _hasLeft;

            public Place(Pool pool)
            {
                _pool = pool;
                pool.Enter();
            }

            public void Leave()
            {
                if (Interlocked.Exchange(ref _hasLeft, 1) == 0)
                {
                    _pool.Leave();
                }
            }
        }

        private sealed class CountedStream(Socket socket, Place place) : NetworkStream(socket, ownsSocket: true)
        {
            protected override void Dispose(bool disposing)
            {
                base.Dispose(disposing);
                place.Leave();
            }
        }
    }
}
