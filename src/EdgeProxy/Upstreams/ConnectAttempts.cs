using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.Upstreams;

/// <summary>
/// Connects to the first of several addresses that accepts, as RFC 8305 says: the next one is tried when those before have failed, or
/// have been silent for a moment, and goes on beside them. So one address that is out of order costs a moment and no request.
/// </summary>
internal static class ConnectAttempts
{
    /// <summary>How long an address may be silent before the next one is tried.</summary>
    public static readonly TimeSpan Stagger = TimeSpan.FromMilliseconds(250);

    /// <summary>Addresses that are tried for one connection at most.</summary>
    public const int Max = 8;

    /// <param name="addresses">At least one.</param>
    /// <returns>
    /// A connected socket, the place of its address, and how the first address failed, if it has. The first failure is thrown when all
    /// have failed.
    /// </returns>
    public static async Task<(Socket Socket, int Index, SocketException? Failure)> FirstAsync(
        IReadOnlyList<IPEndPoint> addresses, TimeProvider time, CancellationToken cancellation)
    {
        var count = Math.Min(addresses.Count, Max);
        if (count == 1)
        {
            return (await ConnectAsync(addresses[0], cancellation), 0, null);
        }

        using var losers = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var (running, begun) = (new List<Task<Socket>>(), new List<Task<Socket>>(count));
        Task<Socket>? failed = null;
        try
        {
            while (true)
            {
                if (begun.Count < count)
                {
                    var one = ConnectAsync(addresses[begun.Count], losers.Token);
                    running.Add(one);
                    begun.Add(one);
                }

                var ended = await EndedAsync(running, begun.Count < count, time, losers.Token);
                if (ended is null)
                {
                    continue;
                }

                running.Remove(ended);
                if (ended.IsCompletedSuccessfully)
                {
                    return (await ended, begun.IndexOf(ended), begun[0].Exception?.InnerException as SocketException);
                }

                failed ??= ended;
                if (running.Count == 0 && begun.Count == count)
                {
                    cancellation.ThrowIfCancellationRequested();
                    await failed;
                }
            }
        }
        finally
        {
            await losers.CancelAsync();
            running.ForEach(loser => _ = CloseAsync(loser));
        }
    }

    /// <summary>One that has ended; null: another is to begin beside those that run.</summary>
    private static async Task<Task<Socket>?> EndedAsync(
        List<Task<Socket>> running, bool hasNext, TimeProvider time, CancellationToken cancellation)
    {
        var ended = Task.WhenAny(running);
        if (hasNext)
        {
            await ((Task)ended).WaitAsync(Stagger, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!ended.IsCompleted)
            {
                cancellation.ThrowIfCancellationRequested();
                return null;
            }
        }

        return await ended;
    }

    private static async Task<Socket> ConnectAsync(IPEndPoint address, CancellationToken cancellation)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (address.AddressFamily == AddressFamily.InterNetworkV6)
            {
                socket.DualMode = true; // an address of IPv4 may be written as one of IPv6
            }

            await socket.ConnectAsync(address, cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task CloseAsync(Task<Socket> loser)
    {
        try
        {
            (await loser).Dispose();
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            // It came to nothing by itself.
        }
    }
}
