using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Connections;

/// <summary>
/// Connections that break, close or time out are told so one after the other, with a turn of the thread pool between two. What follows
/// costs as much as a request does: when thousands end in one moment, requests under way do not wait behind all of them.
/// </summary>
internal sealed class Endings(TimeProvider time)
{
    /// <summary>No end waits for longer, however busy the pool is: what a client that has gone still holds is to be had again.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    private readonly ConcurrentQueue<Ending> _waiting = new();
    private int _count;

    /// <summary>The connection's own way to the client, on which whatever ends it waits for its turn.</summary>
    public async Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var closed = new CancellationTokenSource();
        await using var own = connection.ConnectionClosed.UnsafeRegister(static state =>
        {
            var (endings, closed) = ((Endings, CancellationTokenSource))state!;
            _ = endings.EndAsync(closed);
        }, (this, closed));
        connection.ConnectionClosed = closed.Token;
        connection.Transport = new PacedTransport(connection.Transport, this);
        await next(connection);
    }

    /// <summary>Ends when it is this ending's turn.</summary>
    public Task WaitAsync()
    {
        var ending = new Ending(time.GetTimestamp());
        _waiting.Enqueue(ending);
        if (Interlocked.Increment(ref _count) == 1)
        {
            _ = TakeTurnsAsync();
        }

        return ending.Task;
    }

    private async Task TakeTurnsAsync()
    {
        int ended;
        do
        {
            await new PoolTurn();
            ended = 0;
            while (_waiting.TryPeek(out var next) && (ended == 0 || time.GetElapsedTime(next.Since) > Longest))
            {
                _waiting.TryDequeue(out _);
                next.SetResult();
                ended++;
            }
        }
        while (Interlocked.Add(ref _count, -ended) > 0);
    }

    private async Task EndAsync(CancellationTokenSource closed)
    {
        await WaitAsync();
        await closed.CancelAsync();
    }

    private sealed class Ending(long since) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public long Since { get; } = since;
    }
}
