namespace EdgeProxy.RateLimiting;

/// <summary>
/// The keys seen most often, in fixed room: whoever has more than a <see cref="Room"/>th of what was seen is in it. A key that is new when
/// there is no room takes the place of the rarest, with its count on top: counts are too high by <see cref="Count.Over"/> at most, never
/// too low. Not safe for several threads. Source: Metwally, Agrawal and El Abbadi, "Efficient computation of frequent and top-k elements".
/// </summary>
internal sealed class TopKeys
{
    public const int Room = 64;

    private readonly int[] _hashes = new int[Room];
    private readonly Count[] _counts = new Count[Room];
    private int _used;

    public ReadOnlySpan<Count> Counts => _counts.AsSpan(0, _used);

    public void Clear()
    {
        Array.Clear(_counts); // names, too: nobody is remembered for longer than it takes
        _used = 0;
    }

    public void See(in BucketName name)
    {
        var hash = name.Subject.GetHashCode(StringComparison.Ordinal) ^ name.Kind;
        for (var from = 0; from < _used;)
        {
            var found = _hashes.AsSpan(from, _used - from).IndexOf(hash);
            if (found < 0)
            {
                break;
            }

            ref var count = ref _counts[from + found];
            if (count.Kind == name.Kind && count.Subject == name.Subject)
            {
                count.Seen++;
                return;
            }

            from += found + 1;
        }

        var at = _used < Room ? _used++ : Rarest();
        var over = _counts[at].Seen;
        _hashes[at] = hash;
        _counts[at] = new Count { Kind = name.Kind, Subject = name.Subject, Seen = over + 1, Over = over };
    }

    private int Rarest()
    {
        var rarest = 0;
        for (var i = 1; i < Room; i++)
        {
            rarest = _counts[i].Seen < _counts[rarest].Seen ? i : rarest;
        }

        return rarest;
    }

    internal struct Count
    {
        public char Kind;
        public string Subject;
        public long Seen;

        /// <summary>How much of <see cref="Seen"/> may be others'.</summary>
        public long Over;
    }
}
