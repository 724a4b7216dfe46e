using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Connections;

/// <summary>
/// Connections that break, close or time out are told so one after the other, with a turn of the thread pool between two. What follows
/// costs as much as a request does: when thousands end in one moment, requests under way do not wait behind all of them.
/// </summary>
internal sealed class Endings : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>The connection's own way to the client, on which whatever ends it waits for its turn.</summary>
    public Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var closed = new CancellationTokenSource();
        connection.ConnectionClosed.UnsafeRegister(static state =>
        {
            var (endings, closed) = ((Endings, CancellationTokenSource))state!;
            _ = endings.EndAsync(closed);
        }, (this, closed));
        connection.ConnectionClosed = closed.Token;
        connection.Transport = new PacedTransport(connection.Transport, this);
        return next(connection);
    }

    /// <summary>Ends when it is this ending's turn.</summary>
    public async Task WaitAsync()
    {
        await _turn.WaitAsync();
        await new PoolTurn();
        _turn.Release();
    }

    public void Dispose() => _turn.Dispose();

    private async Task EndAsync(CancellationTokenSource closed)
    {
        await WaitAsync();
        await closed.CancelAsync();
    }
}
