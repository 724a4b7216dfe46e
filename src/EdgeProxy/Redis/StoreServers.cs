using System.Net;
using EdgeProxy.Configuration;
using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>The servers of the store, and which of them keeps what. One until a Redis Cluster has said that it is one.</summary>
internal sealed class StoreServers(StoreOptions options)
{
    private const int Slots = 16_384;

    /// <summary>Names tried at most in search of a key that a server keeps: each keeps one slot at least.</summary>
    private const int MostNames = 1 << 20;

    private readonly Lock _lock = new();

    /// <summary>Keeps the slots that no server has; never asked.</summary>
    private readonly StoreServer _nobody = new();
    private volatile Map _map = new([new StoreServer { Heartbeat = options.KeyPrefix + "nodes" }], [], []);

    public bool IsCluster => _map.BySlot.Length > 0;

    public string KeyPrefix => options.KeyPrefix;

    public IReadOnlyList<StoreServer> All => _map.Servers;

    /// <summary>All are worth asking.</summary>
    public bool IsUp => Array.TrueForAll(_map.Servers, static server => server.IsUp);

    public bool IsPartlyUp => Array.Exists(_map.Servers, static server => server.IsUp);

    /// <summary>Nodes that share the store: as the servers that are up have it, else as any had it last.</summary>
    public int Nodes
    {
        get
        {
            var (up, last) = (0, 1);
            foreach (var server in _map.Servers)
            {
                up = Math.Max(up, server.IsUp ? server.Nodes : 0);
                last = Math.Max(last, server.Nodes);
            }

            return up > 0 ? up : last;
        }
    }

    /// <param name="slot">Slot of a key; anything where there is one server only.</param>
    public StoreServer At(int slot)
    {
        var map = _map;
        return (uint)slot < (uint)map.BySlot.Length ? map.BySlot[slot] : map.Servers[0];
    }

    /// <summary>Takes in what the client knows of a Cluster. Servers that stay keep their breaker; new ones have to answer first.</summary>
    /// <returns>Whether it is other servers, or they keep other slots.</returns>
    public bool Learn(IConnectionMultiplexer connection)
    {
        lock (_lock)
        {
            // One that is not up may not have heard of what the others have agreed on since.
            var known = connection.GetServers();
            var told = known.Where(server => server is { ServerType: ServerType.Cluster, IsConnected: true })
                .OrderBy(server => _map.ByAddress.TryGetValue(server.EndPoint, out var one) && one.IsUp ? 0 : 1)
                .Select(server => server.ClusterConfiguration).FirstOrDefault(told => told is not null);
            var before = _map.BySlot;
            if (told is not null)
            {
                _map = Read(told, known, key => connection.HashSlot(key));
            }

            return !before.AsSpan().SequenceEqual(_map.BySlot);
        }
    }

    private Map Read(ClusterConfiguration told, IServer[] known, Func<RedisKey, int> slotOf)
    {
        var byAddress = new Dictionary<EndPoint, StoreServer>();
        var bySlot = new StoreServer?[Slots];
        foreach (var node in told.Nodes.Where(node => node is { IsReplica: false, EndPoint: not null, Slots.Count: > 0 }))
        {
            var server = _map.ByAddress.GetValueOrDefault(node.EndPoint!) ?? new StoreServer();
            server.Client = Array.Find(known, one => node.EndPoint!.Equals(one.EndPoint));
            byAddress[node.EndPoint!] = server;
            foreach (var range in node.Slots)
            {
                bySlot.AsSpan(range.From, range.To - range.From + 1).Fill(server);
            }
        }

        NameHeartbeats(byAddress.Count, key => bySlot[slotOf(key)]);
        StoreServer[] keepers = [.. bySlot.Select(server => server ?? _nobody)];
        return new Map([.. keepers.Distinct()], keepers, byAddress);
    }

    /// <summary>All edges find the same names, so that each server counts all of them.</summary>
    private void NameHeartbeats(int servers, Func<RedisKey, StoreServer?> keeperOf)
    {
        var named = new HashSet<StoreServer>();
        for (var i = 0; i < MostNames && named.Count < servers; i++)
        {
            RedisKey name = options.KeyPrefix + (i == 0 ? "nodes" : $"nodes:{i}");
            if (keeperOf(name) is { } server && named.Add(server))
            {
                server.Heartbeat = name;
            }
        }
    }

    /// <param name="Servers">Each once; at least one.</param>
    /// <param name="BySlot">Empty: one server keeps all.</param>
    /// <param name="ByAddress">Those that have one.</param>
    private sealed record Map(StoreServer[] Servers, StoreServer[] BySlot, Dictionary<EndPoint, StoreServer> ByAddress);
}
