using Microsoft.Extensions.Hosting;

namespace EdgeProxy.Draining;

/// <summary>
/// The way out. Its first step happens at once: the process is stopping (which readiness and open WebSockets hear), no new
/// connection is taken, HTTP/2 clients get GOAWAY. Idle connections stay open for a moment, because a request may be on its
/// way; what arrives is served and told that the connection closes. The server's own stop, which follows, closes the idle
/// ones, waits for the rest and cuts what is left at the deadline.
/// </summary>
internal sealed class Drain(ClientSockets sockets, IHostApplicationLifetime lifetime, TimeProvider time)
{
    /// <summary>How long an idle connection is kept for a request that may be on its way; never more than half of the drain.</summary>
    public static readonly TimeSpan IdleGrace = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Goes on as before for a while: load balancers hear from `/readyz` that nothing new should come, and until then send it here.
    /// </summary>
    /// <param name="limit">How long the whole drain may take; half of it is left to requests under way.</param>
    /// <returns>How long it has gone on.</returns>
    public async Task<TimeSpan> AcceptAsync(TimeSpan limit, TimeSpan acceptFor)
    {
        var duration = limit / 2 < acceptFor ? limit / 2 : acceptFor;
        if (duration > TimeSpan.Zero)
        {
            await Task.Delay(duration, time, lifetime.ApplicationStopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return duration;
    }

    /// <summary>Returns when idle connections may be closed: none is open any more, or their time is over.</summary>
    /// <param name="limit">How long the whole drain may take.</param>
    public async Task BeginAsync(TimeSpan limit)
    {
        lifetime.StopApplication();
        using var grace = new CancellationTokenSource(limit / 2 < IdleGrace ? limit / 2 : IdleGrace, time);
        await sockets.StopAcceptingAsync(grace.Token);
        sockets.SendGoAway();
        await sockets.WhenAllClosed().WaitAsync(grace.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
