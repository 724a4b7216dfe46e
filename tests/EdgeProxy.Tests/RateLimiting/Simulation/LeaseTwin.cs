using EdgeProxy.RateLimiting;

namespace EdgeProxy.Tests.RateLimiting.Simulation;

/// <summary>One bucket as `lease.lua` keeps it, without Redis: the same answers to the same questions at the same times.</summary>
internal sealed class LeaseTwin(LimitSet limits, LeaseOptions options)
{
    private readonly List<Lease> _leases = [];
    private Levels _levels;
    private long _time;
    private bool _isFresh = true;

    private long Held => _leases.Sum(lease => lease.Held);

    public LeaseReply Ask(int node, in LeaseAsk ask, long now)
    {
        Open(now);
        var mine = _leases.Find(lease => lease.Node == node);
        var others = _leases.Where(lease => lease.Node != node).ToList();
        if (mine is not null && ask.Seq <= mine.Seq)
        {
            return new LeaseReply(LeaseStatus.Fenced, 0, 0, 0, _levels, Held, now, 0);
        }

        var (unspent, back) = TakeBack(mine, ask);
        var free = long.MaxValue;
        for (var i = 0; i < limits.Rates.Length; i++)
        {
            var level = _levels[i] + back;
            _levels[i] = Math.Min(level, Math.Max(0, level - ask.Debt - ask.Deficit[i]));
            free = Math.Min(free, _levels[i]);
        }

        var got = ask.Need > 0 && free >= ask.First ? free >= ask.Need ? ask.Need : free - (free % ask.First) : 0;
        var granted = Grant(ask, free - got, Held + unspent, others);
        for (var i = 0; i < limits.Rates.Length; i++)
        {
            _levels[i] -= got + granted;
        }

        if (mine is { Held: 0 } && got + granted == 0 && _leases.Count == others.Count)
        {
            _leases.Add(mine);
        }
        else if (unspent + granted > 0 || (ask.Want > 0 && (granted > 0 || mine is { Held: > 0 })))
        {
            _leases.Add(new Lease(node, unspent + granted, now + (options.Lease.Ticks / 10), ask.Seq, granted, ask.Demand));
        }

        _isFresh = false;
        return new LeaseReply(LeaseStatus.Answered, got, granted, 0, _levels, Held, now, others.Count + 1);
    }

    private (long Unspent, long Back) TakeBack(Lease? mine, in LeaseAsk ask)
    {
        if (mine is not null)
        {
            _leases.Remove(mine);
            var lost = ask.Ack != mine.Seq ? Math.Min(mine.Grant, mine.Held) : 0;
            var unspent = Math.Min(ask.Unspent, mine.Held - lost);
            return (unspent, lost + Math.Min(ask.Returned, mine.Held - lost - unspent));
        }

        if (!ask.Known)
        {
            return (0, 0);
        }

        for (var i = 0; i < limits.Rates.Length; i++)
        {
            _levels[i] = _isFresh ? 0 : Math.Min(_levels[i], limits.Rates[i].Capacity - Held - ask.Unspent);
        }

        return (ask.Unspent, 0);
    }

    private long Grant(in LeaseAsk ask, long free, long held, List<Lease> others)
    {
        if (ask.Want <= 0 || free <= 0)
        {
            return 0;
        }

        var demands = others.Sum(lease => lease.Demand);
        var holding = others.Count(lease => lease.Held > 0);
        var share = demands > 0
            ? Math.Max((double)free * ask.Demand / (ask.Demand + demands), free / (2.0 * (holding + 1)))
            : free / 2.0;
        var granted = (long)Math.Min(Math.Min(ask.Want, share), Math.Floor(limits.SmallestCapacity * options.Hoard) - held);
        granted -= granted % Rate.Token;
        return granted < options.Least ? 0 : granted;
    }

    private void Open(long now)
    {
        if (_isFresh)
        {
            for (var i = 0; i < limits.Rates.Length; i++)
            {
                _levels[i] = limits.Rates[i].Capacity;
            }

            _time = now;
        }

        foreach (var lease in _leases.Where(lease => lease.Ends <= now).OrderBy(lease => lease.Ends).ToList())
        {
            Refill(Math.Max(_time, lease.Ends));
            _leases.Remove(lease);
        }

        Refill(now);
    }

    private void Refill(long to)
    {
        for (var i = 0; i < limits.Rates.Length; i++)
        {
            var rate = limits.Rates[i];
            _levels[i] = Math.Min(Math.Max(0, rate.Capacity - Held), _levels[i] + rate.Refill(0, to - _time));
        }

        _time = to;
    }

    private sealed record Lease(int Node, long Held, long Ends, long Seq, long Grant, long Demand);
}
