using Microsoft.Extensions.Hosting;

namespace EdgeProxy.RateLimiting;

/// <summary>One timer for all leases: what nobody spends goes back, while running and at the end.</summary>
internal sealed class LeaseWorker(LeasedBucketStore leases, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    /// <summary>While nothing is held: an idle edge is to cost next to nothing.</summary>
    private static readonly TimeSpan IdleTick = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan LongestWarmUp = TimeSpan.FromSeconds(1);

    /// <summary>How long the return of all leases may take at the end; what does not get through runs out.</summary>
    private static readonly TimeSpan LongestReturn = TimeSpan.FromMilliseconds(500);

    /// <summary>The first request is not to be the first that asks the store.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAny(leases.WarmUpAsync(), Task.Delay(LongestWarmUp, time, cancellationToken));
        await base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await Task.WhenAny(leases.ReturnAllAsync(), Task.Delay(LongestReturn, time, CancellationToken.None));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Tick, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                leases.Sweep();
                var period = leases.IsHolding ? Tick : IdleTick;
                if (timer.Period != period)
                {
                    timer.Period = period;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping: StopAsync returns what is left.
        }
    }
}
