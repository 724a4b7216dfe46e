using System.Collections.Concurrent;
using EdgeProxy.Configuration;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// Who asks most and who is refused most under each policy, over the last one to two minutes on this node. For the admin API alone: never
/// a metric label. A request never waits here: it counts in a part of the processor that it runs on, and goes uncounted in the rare moment
/// when somebody else is just there.
/// </summary>
internal sealed class TopClients(TimeProvider time, Revisions revisions)
{
    /// <summary>Most policies that are counted; removed ones make room.</summary>
    private const int MostPolicies = 256;

    /// <summary>Longer subjects are not counted, so that what is remembered stays small.</summary>
    private const int LongestSubject = 256;

    /// <summary>Length of a window in seconds.</summary>
    private const int Window = 60;

    private readonly ConcurrentDictionary<string, Part[]> _policies = new(StringComparer.Ordinal);
    private readonly int _parts = Math.Min(Environment.ProcessorCount, 16);

    /// <summary>Notes a decided verdict. <paramref name="now"/> is a recent timestamp of the time provider.</summary>
    public void Note(RateLimitVerdict verdict, long now)
    {
        foreach (ref var take in verdict.Takes)
        {
            if (take.Limits is not null && take.Name.Subject.Length <= LongestSubject
                && take.Outcome is TakeOutcome.Admitted or TakeOutcome.Refused or TakeOutcome.Unavailable)
            {
                Note(take, now / (time.TimestampFrequency * Window));
            }
        }
    }

    /// <summary>The counts of a policy: asked and refused, most first, by key.</summary>
    public (IReadOnlyList<TopKey> Busiest, IReadOnlyList<TopKey> Refused) Of(RateLimitPolicy policy)
    {
        var (asked, refused) = (new List<TopKeys.Count>(), new List<TopKeys.Count>());
        var window = time.GetTimestamp() / (time.TimestampFrequency * Window);
        foreach (var part in _policies.GetValueOrDefault(policy.Name) ?? [])
        {
            lock (part.Lock)
            {
                part.MoveTo(window);
                asked.AddRange([.. part.Asked.Counts, .. part.AskedBefore.Counts]);
                refused.AddRange([.. part.Refused.Counts, .. part.RefusedBefore.Counts]);
            }
        }

        return (Sum(asked, policy), Sum(refused, policy));
    }

    private static List<TopKey> Sum(List<TopKeys.Count> counts, RateLimitPolicy policy) =>
    [
        .. counts.GroupBy(count => (count.Kind, count.Subject))
            .Select(key => new TopKey(
                BucketKey.Of(new BucketName(policy, key.Key.Kind, key.Key.Subject)), key.Sum(c => c.Seen), key.Sum(c => c.Over)))
            .OrderByDescending(key => key.Count - key.AtMostOthers)
            .ThenBy(key => key.Key, StringComparer.Ordinal)
            .Take(TopKeys.Room),
    ];

    private void Note(in BucketTake take, long window)
    {
        if (PartsOf(take.Policy.Name) is not { } parts)
        {
            return;
        }

        var part = parts[Thread.GetCurrentProcessorId() % parts.Length];
        if (!part.Lock.TryEnter())
        {
            return;
        }

        try
        {
            part.MoveTo(window);
            part.Asked.See(take.Name);
            if (take.Outcome == TakeOutcome.Refused) // not for want of the store, which is no client's doing
            {
                part.Refused.See(take.Name);
            }
        }
        finally
        {
            part.Lock.Exit();
        }
    }

    private Part[]? PartsOf(string policy)
    {
        if (_policies.TryGetValue(policy, out var parts))
        {
            return parts;
        }

        if (_policies.Count >= MostPolicies)
        {
            foreach (var (name, _) in _policies)
            {
                if (!revisions.Current.Policies.ContainsKey(name))
                {
                    _policies.TryRemove(name, out _);
                }
            }

            return null;
        }

        return _policies.GetOrAdd(policy, _ => [.. Enumerable.Range(0, _parts).Select(_ => new Part())]);
    }

    /// <summary>What was counted on one processor: this minute and the one before.</summary>
    private sealed class Part
    {
        private long _window;

        public Lock Lock { get; } = new();

        public TopKeys Asked { get; private set; } = new();

        public TopKeys AskedBefore { get; private set; } = new();

        public TopKeys Refused { get; private set; } = new();

        public TopKeys RefusedBefore { get; private set; } = new();

        public void MoveTo(long window)
        {
            if (window <= _window)
            {
                return;
            }

            (Asked, AskedBefore) = (AskedBefore, Asked);
            (Refused, RefusedBefore) = (RefusedBefore, Refused);
            Asked.Clear();
            Refused.Clear();
            if (window > _window + 1)
            {
                AskedBefore.Clear();
                RefusedBefore.Clear();
            }

            _window = window;
        }
    }
}

/// <param name="Key">As `/v1/ratelimits/{policy}/buckets/{key}` takes it.</param>
/// <param name="Count">An estimate; what came in the moment when somebody else was counting is missing.</param>
/// <param name="AtMostOthers">How much of the count may be other keys', those that were too rare to be kept.</param>
internal sealed record TopKey(string Key, long Count, long AtMostOthers);
