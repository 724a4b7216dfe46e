using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis.Configuration;

namespace EdgeProxy.Redis;

/// <summary>
/// Resolves the names of the store's servers, for each connection anew, and notices when a name in use leads elsewhere. Of several
/// addresses the first that lets a client in is taken, each time beginning with another one.
/// </summary>
/// <param name="resolve">Asks the system's resolver.</param>
internal sealed class StoreNames(Func<string, CancellationToken, Task<IPAddress[]>> resolve) : Tunnel
{
    /// <summary>For one of several addresses, while the connection as a whole has half a second.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(150);

    /// <summary>Names that are remembered at most; servers of a Cluster may announce names of their own.</summary>
    private const int Most = 1000;

    private readonly ConcurrentDictionary<string, IPAddress> _used = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, Task<IPAddress[]>> _asked = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, string> _failed = new(StringComparer.OrdinalIgnoreCase);
    private int _turn;

    /// <summary>
    /// By the system's resolver, which waits on the thread that asks it: on one of its own, so that a slow resolver takes none of the pool.
    /// </summary>
    public static StoreNames OfSystem() => new((host, _) => Task.Factory.StartNew(
        () => Dns.GetHostAddresses(host), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));

    public override async ValueTask<EndPoint?> GetSocketConnectEndpointAsync(EndPoint endpoint, CancellationToken cancellationToken)
    {
        if (endpoint is not DnsEndPoint name || IPAddress.TryParse(name.Host, out _))
        {
            return endpoint;
        }

        var addresses = await AskAsync(name.Host, cancellationToken);
        if (addresses.Length == 0)
        {
            return endpoint;
        }

        var address = await ChooseAsync(addresses, name.Port, cancellationToken);
        if (_used.Count < Most || _used.ContainsKey(name.Host))
        {
            _used[name.Host] = address;
        }

        return new IPEndPoint(address, name.Port);
    }

    /// <summary>A name that is in use does not lead to the address that is connected to any more. While the resolver fails: no.</summary>
    public async Task<bool> LeadElsewhereAsync(IEnumerable<EndPoint> endpoints, CancellationToken cancellation)
    {
        foreach (var name in endpoints.OfType<DnsEndPoint>())
        {
            if (_used.TryGetValue(name.Host, out var used) && await ResolveAsync(name.Host, cancellation) is { Length: > 0 } addresses
                && !addresses.Contains(used))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Why none of these can be connected to, when it is for want of an address; null: it is not.</summary>
    public string? FailureOf(IReadOnlyList<EndPoint> endpoints)
    {
        string? failure = null;
        foreach (var endpoint in endpoints)
        {
            if (endpoint is not DnsEndPoint name || !_failed.TryGetValue(name.Host, out failure))
            {
                return null;
            }
        }

        return failure;
    }

    public override string ToString() => "names";

    /// <summary>One question a name at a time: who asks meanwhile has its answer.</summary>
    private async Task<IPAddress[]> AskAsync(string host, CancellationToken cancellation)
    {
        var asked = _asked.TryGetValue(host, out var running) && !running.IsCompleted ? running : resolve(host, CancellationToken.None);
        if (_asked.Count < Most || _asked.ContainsKey(host))
        {
            _asked[host] = asked;
        }

        try
        {
            var addresses = await asked.WaitAsync(cancellation);
            _failed.TryRemove(host, out _);
            return addresses;
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            if (_failed.Count < Most)
            {
                _failed[host] = exception is SocketException ? "the name cannot be resolved" : "the name cannot be resolved in time";
            }

            throw;
        }
    }

    private async Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellation)
    {
        try
        {
            return await AskAsync(host, cancellation);
        }
        catch (SocketException)
        {
            return [];
        }
    }

    private async Task<IPAddress> ChooseAsync(IPAddress[] addresses, int port, CancellationToken cancellation)
    {
        var first = addresses.Length == 1 ? 0 : (int)((uint)Interlocked.Increment(ref _turn) % (uint)addresses.Length);
        for (var i = 0; addresses.Length > 1 && i < addresses.Length; i++)
        {
            var address = addresses[(first + i) % addresses.Length];
            if (await LetsInAsync(new IPEndPoint(address, port), cancellation))
            {
                return address;
            }
        }

        return addresses[first];
    }

    private static async Task<bool> LetsInAsync(IPEndPoint endpoint, CancellationToken cancellation)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        over.CancelAfter(Patience);
        using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(endpoint, over.Token);
            return true;
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            return false;
        }
    }
}
