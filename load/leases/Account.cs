namespace Leases;

/// <summary>
/// What was admitted beside what one token bucket admits. A decision lies between the sending of its request and its arrival at the
/// upstream, both by the clock of this process; times are in seconds.
/// </summary>
internal static class Account
{
    /// <summary>Requests that one bucket, full at first, admits of those sent at these times (ascending).</summary>
    public static int OneBucketAdmits(double[] sent, double capacity, double refill)
    {
        var (level, at, admitted) = (capacity, 0.0, 0);
        foreach (var time in sent)
        {
            level = Math.Min(capacity, level + (refill * (time - at)));
            at = time;
            if (level >= 1)
            {
                level--;
                admitted++;
            }
        }

        return admitted;
    }

    /// <summary>
    /// Worst excess over capacity + refill x time over windows of every length, by arrival (ascending): the lowest level of a bucket
    /// that every admission is taken from. It holds what the way to the upstream has pushed together, so that it may be above zero
    /// where nothing was exceeded.
    /// </summary>
    public static double ByArrival(double[] arrived, double capacity, double refill)
    {
        var (level, at, lowest) = (capacity, 0.0, 0.0);
        foreach (var time in arrived)
        {
            level = Math.Min(capacity, level + (refill * (time - at))) - 1;
            at = time;
            lowest = Math.Min(lowest, level);
        }

        return -lowest;
    }

    /// <summary>
    /// Worst excess that is certain: over all windows from a sending to an arrival, the admissions that were both sent and seen in it,
    /// less capacity + refill x time. Above zero, the limit was exceeded whenever in between the decisions fell. In order of arrival
    /// each admission counts for all windows that begin at or before its sending; a tree over beginnings keeps the highest count.
    /// </summary>
    public static double Certain((double Sent, double Arrived)[] admitted, double capacity, double refill)
    {
        var sent = Array.ConvertAll(admitted, one => one.Sent);
        Array.Sort(sent);
        var leaves = 1;
        while (leaves < sent.Length)
        {
            leaves *= 2;
        }

        var added = new double[2 * leaves];
        var highest = new double[2 * leaves];
        Array.Fill(highest, double.NegativeInfinity);
        var worst = 0.0;
        foreach (var (from, to) in admitted.OrderBy(one => one.Arrived))
        {
            var at = Array.BinarySearch(sent, from);
            highest[leaves + at] = refill * from; // from now on a window may begin here
            AddUpTo(at, leaves, added, highest);
            worst = Math.Max(worst, highest[1] + added[1] - capacity - (refill * to));
        }

        return worst;
    }

    /// <summary>Adds one to all leaves from the first to <paramref name="last"/>.</summary>
    private static void AddUpTo(int last, int leaves, double[] added, double[] highest)
    {
        var node = leaves + last;
        added[node]++;
        for (; node > 1; node /= 2)
        {
            if (node % 2 == 1)
            {
                added[node - 1]++; // the sibling on the left lies before it as a whole
            }

            var left = node & ~1;
            highest[node / 2] = Math.Max(highest[left] + added[left], highest[left + 1] + added[left + 1]);
        }
    }
}
