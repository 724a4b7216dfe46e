namespace EdgeProxy.Redis;

/// <summary>
/// Which of the store's ups and downs are worth a line of log: an outage that lasts, its end, and short ones that keep coming back. An
/// answer that is late now and then is counted and not said.
/// </summary>
internal sealed class StoreReport
{
    /// <summary>An outage that has lasted for so long is said.</summary>
    public static readonly TimeSpan Lasting = TimeSpan.FromSeconds(1);

    /// <summary>So many shorter ones within <see cref="Window"/> are said too, but not again before <see cref="Pause"/> is over.</summary>
    public const int Often = 5;
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);
    public static readonly TimeSpan Pause = TimeSpan.FromMinutes(5);

    private readonly TimeSpan[] _ends = [.. Enumerable.Repeat(TimeSpan.MinValue, Often)];
    private int _next;
    private TimeSpan? _downSince;
    private TimeSpan? _unsteadyAt;
    private bool _isSaid;

    /// <summary>Short outages since they were last said.</summary>
    public int Short { get; private set; }

    /// <summary>How long these, or the outage that has just ended, took together.</summary>
    public TimeSpan Lasted { get; private set; }

    /// <summary>Takes in a look at the store; what is to be said of it.</summary>
    public StoreNews Observe(bool isUp, TimeSpan now)
    {
        if (!isUp)
        {
            var since = _downSince ??= now;
            if (_isSaid || now - since < Lasting)
            {
                return StoreNews.None;
            }

            _isSaid = true;
            return StoreNews.Down;
        }

        if (_downSince is not { } began)
        {
            return StoreNews.None;
        }

        _downSince = null;
        if (_isSaid)
        {
            (_isSaid, Lasted, Short) = (false, now - began, 0);
            return StoreNews.Up;
        }

        Lasted = (Short == 0 ? TimeSpan.Zero : Lasted) + (now - began);
        Short++;
        _ends[_next] = now;
        _next = (_next + 1) % Often;
        var oldest = _ends[_next];
        if (oldest == TimeSpan.MinValue || now - oldest > Window || now - _unsteadyAt < Pause)
        {
            return StoreNews.None;
        }

        _unsteadyAt = now;
        return StoreNews.Unsteady;
    }

    /// <summary>The short outages have been said.</summary>
    public void Said() => (Short, Lasted) = (0, TimeSpan.Zero);
}

/// <summary>What a look at the store gives to say.</summary>
internal enum StoreNews
{
    None,

    /// <summary>An outage that lasts.</summary>
    Down,

    /// <summary>The end of one that was said.</summary>
    Up,

    /// <summary>Short outages that keep coming back.</summary>
    Unsteady,
}
