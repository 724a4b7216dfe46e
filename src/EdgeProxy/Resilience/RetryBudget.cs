using EdgeProxy.Configuration;

namespace EdgeProxy.Resilience;

/// <summary>
/// How many attempts beyond the first a cluster still gets: each request earns a share of one, which is lost after ten seconds, and
/// so many a second come besides. Over any time: no more than the share of the requests, the reserve of that time, and one second's
/// reserve more. It knows no clock; the time since any fixed moment comes with each call.
/// </summary>
internal sealed class RetryBudget(RetryBudgetSettings settings)
{
    private const int Seconds = 10;

    private readonly Lock _changing = new();
    private readonly int[] _requests = new int[Seconds];
    private readonly double _reserveMax = settings.ReservePerSecond > 0 ? Math.Max(1, settings.ReservePerSecond) : 0;
    private double _reserve = settings.ReservePerSecond > 0 ? Math.Max(1, settings.ReservePerSecond) : 0;
    private double _earned;
    private int _recent;
    private long _second = long.MinValue;
    private TimeSpan _at;

    public RetryBudgetSettings Settings => settings;

    /// <summary>A request has come; to be called once for each, before its first attempt.</summary>
    public void Deposit(TimeSpan now)
    {
        lock (_changing)
        {
            Advance(now);
            _requests[Slot(_second)]++;
            _recent++;
            _earned += settings.Ratio;
        }
    }

    /// <summary>Takes one more attempt, if there is one.</summary>
    public bool TryWithdraw(TimeSpan now)
    {
        lock (_changing)
        {
            Advance(now);
            if (_earned >= 1)
            {
                _earned--;
                return true;
            }

            if (_reserve >= 1)
            {
                _reserve--;
                return true;
            }

            return false;
        }
    }

    /// <summary>What was taken led to no attempt: it comes back, to the reserve first, where it is not lost after ten seconds.</summary>
    public void Return()
    {
        lock (_changing)
        {
            var kept = Math.Min(1, _reserveMax - _reserve);
            _reserve += kept;
            _earned += 1 - kept; // as far as there are requests to have earned it: Advance looks
        }
    }

    private void Advance(TimeSpan now)
    {
        var second = now.Ticks / TimeSpan.TicksPerSecond;
        if (_second == long.MinValue)
        {
            (_second, _at) = (second, now);
        }

        if (now > _at)
        {
            _reserve = Math.Min(_reserveMax, _reserve + (settings.ReservePerSecond * (now - _at).TotalSeconds));
            _at = now;
        }

        for (var gone = Math.Min(Seconds, second - _second); gone > 0; gone--)
        {
            var slot = Slot(second - gone + 1);
            _recent -= _requests[slot];
            _requests[slot] = 0;
        }

        _second = Math.Max(_second, second);
        _earned = Math.Min(_earned, settings.Ratio * _recent);
    }

    private static int Slot(long second) => (int)(((second % Seconds) + Seconds) % Seconds);
}
