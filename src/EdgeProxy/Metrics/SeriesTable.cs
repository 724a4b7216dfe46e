using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace EdgeProxy.Metrics;

/// <summary>
/// The series of one metric by their labels. Finding one that was seen before takes no lock and no memory. Their number is
/// bounded: beyond it everything goes to the one series whose labels all say `_other`.
/// </summary>
internal sealed class SeriesTable<TSeries>(Func<byte[], TSeries> create, SeriesLimit limit)
    where TSeries : Series
{
    public const string Other = "_other";

    private readonly ConcurrentDictionary<KeyValuePair<string, object?>[], TSeries> _series = new(LabelComparer.Instance);
    private readonly Lock _growing = new();
    private string[]? _names;
    private volatile TSeries? _other;
    private volatile int _count;
    private TSeries[]? _sorted = [];

    /// <summary>All series, in the order of their labels.</summary>
    public IReadOnlyList<TSeries> Sorted
    {
        get
        {
            lock (_growing)
            {
                return _sorted ??= [.. _series.Values.Concat(_other is null ? [] : [_other])
                    .OrderBy(series => series.Labels, Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b)))];
            }
        }
    }

    public TSeries Find(ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        _series.GetAlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>>().TryGetValue(tags, out var series)
            ? series
            : Add(tags);

    /// <summary>Removes the series whose labels, or the series itself, fit.</summary>
    public void Remove(Func<KeyValuePair<string, object?>[], TSeries, bool> fits)
    {
        lock (_growing)
        {
            foreach (var (labels, series) in _series)
            {
                if (fits(labels, series) && _series.TryRemove(labels, out _))
                {
                    _sorted = null;
                    _count--;
                }
            }
        }
    }

    private TSeries Add(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (_count >= limit.SeriesMax && _other is { } other)
        {
            limit.CountDropped();
            return other;
        }

        var labels = tags.ToArray();
        lock (_growing)
        {
            _names ??= [.. labels.Select(label => label.Key)];
            if (_series.TryGetValue(labels, out var series))
            {
                return series;
            }

            // Other names than before would make a second shape of the same metric, which no reader of the text accepts.
            if (_count >= limit.SeriesMax || !_names.SequenceEqual(labels.Select(label => label.Key)))
            {
                limit.CountDropped();
                return _other ??= Create([.. _names.Select(name => KeyValuePair.Create(name, (object?)Other))]);
            }

            _count++;
            return _series[labels] = Create(labels);
        }
    }

    private TSeries Create(KeyValuePair<string, object?>[] labels)
    {
        _sorted = null;
        return create(Encoding.UTF8.GetBytes(string.Join(',', labels.Select(label =>
            $"{label.Key.Replace('.', '_')}=\"{Escape(Convert.ToString(label.Value, CultureInfo.InvariantCulture) ?? "")}\""))));
    }

    private static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal);
}

/// <summary>How many series one metric may have, and what was lost to that bound.</summary>
internal sealed class SeriesLimit
{
    public const int Least = 10_000;

    private readonly StripedSum _dropped = new();
    private volatile int _max = Least;

    /// <summary>10 000, or what the configuration needs when it is larger than that.</summary>
    public int SeriesMax
    {
        get => _max;
        set => _max = Math.Max(Least, value);
    }

    /// <summary>Measurements that found their metric full.</summary>
    public long Dropped => _dropped.Value;

    public void CountDropped() => _dropped.Add(1);
}

/// <summary>Compares labels by value, so that the tags of a measurement are looked up where they stand on the stack.</summary>
internal sealed class LabelComparer : IEqualityComparer<KeyValuePair<string, object?>[]>,
    IAlternateEqualityComparer<ReadOnlySpan<KeyValuePair<string, object?>>, KeyValuePair<string, object?>[]>
{
    public static readonly LabelComparer Instance = new();

    public bool Equals(KeyValuePair<string, object?>[]? x, KeyValuePair<string, object?>[]? y) => Equals(x.AsSpan(), y!);

    public int GetHashCode(KeyValuePair<string, object?>[] obj) => GetHashCode(obj.AsSpan());

    public bool Equals(ReadOnlySpan<KeyValuePair<string, object?>> alternate, KeyValuePair<string, object?>[] other)
    {
        if (alternate.Length != other.Length)
        {
            return false;
        }

        for (var i = 0; i < other.Length; i++)
        {
            if (!Equals(alternate[i].Value, other[i].Value) || alternate[i].Key != other[i].Key)
            {
                return false;
            }
        }

        return true;
    }

    public int GetHashCode(ReadOnlySpan<KeyValuePair<string, object?>> alternate)
    {
        var hash = 17;
        foreach (var (_, value) in alternate)
        {
            hash = (hash * 31) + (value?.GetHashCode() ?? 0);
        }

        return hash;
    }

    public KeyValuePair<string, object?>[] Create(ReadOnlySpan<KeyValuePair<string, object?>> alternate) => alternate.ToArray();
}
