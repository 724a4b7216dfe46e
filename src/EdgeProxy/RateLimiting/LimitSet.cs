using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// The limits that one client is held to under one policy, in the integers that buckets are counted in, with the texts
/// that clients are told. Made once when the configuration is read.
/// </summary>
internal sealed class LimitSet
{
    /// <summary>Most limits a policy or plan may have; <see cref="Levels"/> has room for as many.</summary>
    public const int Most = 4;

    private readonly LimitField[] _fields;

    public LimitSet(ImmutableArray<Limit> limits)
    {
        limits = limits.IsDefault ? [] : limits;
        if (limits.Length > Most)
        {
            throw new ArgumentException($"A policy has at most {Most} limits.", nameof(limits));
        }

        Limits = limits;
        Rates = [.. limits.Select(Rate.Of)];
        SmallestCapacity = Rates.Length == 0 ? long.MaxValue : Rates.Min(rate => rate.Capacity);
        Tags = TagsOf(limits);
        Print = Rates.Aggregate(Tags.GetHashCode(), HashCode.Combine);
        _fields = [.. limits.Select(limit => new LimitField(limit))];
        PolicyField = string.Join(',', _fields.Select(field => field.Policy));
    }

    public ImmutableArray<Limit> Limits { get; }

    public ImmutableArray<Rate> Rates { get; }

    /// <summary>Microtokens; what costs more is never admitted.</summary>
    public long SmallestCapacity { get; }

    /// <summary>
    /// Which level in a stored bucket belongs to which limit: sixteen bits for each limit's name, so that limits which a reload
    /// adds, removes or reorders keep their own tokens. Zero: no limit.
    /// </summary>
    public ulong Tags { get; }

    /// <summary>Tells sets of limits apart within this process: levels and leases are known under the limits they were told for.</summary>
    public int Print { get; }

    /// <summary>Value of `RateLimit-Policy`, such as `"sec";q=20;w=2`.</summary>
    public string PolicyField { get; }

    /// <summary>Value of `RateLimit` for buckets at <paramref name="levels"/>, such as `"sec";r=13;t=1`.</summary>
    public string LevelField(in Levels levels)
    {
        if (_fields.Length == 1)
        {
            return _fields[0].Level(Rates[0], levels[0]);
        }

        var text = new StringBuilder(64);
        for (var i = 0; i < _fields.Length; i++)
        {
            text.Append(i == 0 ? "" : ",").Append(_fields[i].Level(Rates[i], levels[i]));
        }

        return text.ToString();
    }

    /// <summary>Levels with tokens that somebody holds added to each.</summary>
    public Levels Plus(Levels levels, long held)
    {
        for (var i = 0; i < Rates.Length; i++)
        {
            levels[i] = Math.Min(Rates[i].Capacity, levels[i] + held);
        }

        return levels;
    }

    /// <summary>Levels after something was charged, or below zero given back; they fall to minus the capacity at most.</summary>
    public Levels Less(Levels levels, long charged)
    {
        for (var i = 0; i < Rates.Length; i++)
        {
            levels[i] = Math.Clamp(levels[i] - charged, -Rates[i].Capacity, Rates[i].Capacity);
        }

        return levels;
    }

    /// <summary>What one of <paramref name="nodes"/> has of these levels. Of a full bucket that is one token at least.</summary>
    public Levels Share(Levels levels, int nodes)
    {
        for (var i = 0; i < Rates.Length; i++)
        {
            levels[i] = Rates[i].Capacity / nodes >= Rate.Token
                ? levels[i] / nodes
                : (long)((Int128)levels[i] * Rates[i].Share(nodes).Capacity / Rates[i].Capacity);
        }

        return levels;
    }

    /// <summary>Each of the levels has as much.</summary>
    public bool Cover(Levels levels, long cost)
    {
        var covers = true;
        for (var i = 0; i < Rates.Length; i++)
        {
            covers &= levels[i] >= cost;
        }

        return covers;
    }

    public static ushort TagAt(ulong tags, int index) => (ushort)(tags >> (16 * index));

    private static ulong TagsOf(ImmutableArray<Limit> limits)
    {
        var tags = 0UL;
        for (var i = 0; i < limits.Length; i++)
        {
            // FNV-1a, folded; two names of one policy that fold alike take the next free number.
            var hash = 2166136261u;
            foreach (var letter in limits[i].Name)
            {
                hash = (hash ^ char.ToUpperInvariant(letter)) * 16777619u; // as the configuration compares names
            }

            var tag = (ushort)(hash ^ (hash >> 16));
            while (tag == 0 || Enumerable.Range(0, i).Any(j => TagAt(tags, j) == tag))
            {
                tag++;
            }

            tags |= (ulong)tag << (16 * i);
        }

        return tags;
    }

    /// <summary>Texts of one limit. The usual ones are made once: whole tokens left, and a second until the next.</summary>
    private sealed class LimitField(Limit limit)
    {
        private const int Kept = 1024;

        private readonly string _name = '"' + limit.Name + '"';
        private readonly string?[] _soon = new string?[Math.Min(limit.Capacity, Kept) + 1];

        public string Policy { get; } = string.Create(
            CultureInfo.InvariantCulture,
            $"\"{limit.Name}\";q={limit.Capacity};w={Math.Max(1, CeilingSeconds(Rate.Of(limit).TimeToFill))}");

        public string Level(Rate rate, long level)
        {
            var whole = Math.Max(0, level / Rate.Token); // below zero there is nothing to spend either
            if (level >= rate.Capacity)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{_name};r={whole}");
            }

            var seconds = CeilingSeconds(rate.TimeUntil(level, (whole + 1) * Rate.Token));
            if (seconds != 1 || whole >= _soon.Length)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{_name};r={whole};t={seconds}");
            }

            return _soon[whole] ??= string.Create(CultureInfo.InvariantCulture, $"{_name};r={whole};t=1");
        }
    }

    /// <summary>Whole seconds that cover <paramref name="micros"/>.</summary>
    public static long CeilingSeconds(long micros) => (micros / 1_000_000) + (micros % 1_000_000 == 0 ? 0 : 1);
}
