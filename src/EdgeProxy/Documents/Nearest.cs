namespace EdgeProxy.Documents;

/// <summary>Finds what somebody probably meant to write.</summary>
internal static class Nearest
{
    private const int LengthMax = 64;

    /// <summary>The candidate with the fewest edits to <paramref name="text"/>; null when none is close.</summary>
    public static string? To(string text, IEnumerable<string> candidates)
    {
        if (text.Length is 0 or > LengthMax)
        {
            return null;
        }

        string? nearest = null;
        // A third of the letters may be wrong, two at least: beyond that it is another word.
        var best = Math.Max(2, text.Length / 3) + 1;
        foreach (var candidate in candidates)
        {
            if (candidate.Length <= LengthMax && Math.Abs(candidate.Length - text.Length) < best)
            {
                var edits = Edits(text, candidate, best);
                if (edits < best && edits < Math.Max(text.Length, candidate.Length))
                {
                    (best, nearest) = (edits, candidate);
                }
            }
        }

        return nearest;
    }

    /// <summary>Insertions, deletions, replacements and swaps of neighbours that turn one text into the other, without case.</summary>
    public static int Edits(string left, string right) => Edits(left, right, int.MaxValue);

    /// <summary>The same where it is below <paramref name="bound"/>; the bound where it is not, which is found out sooner.</summary>
    private static int Edits(string left, string right, int bound)
    {
        Span<int> cells = right.Length <= LengthMax ? stackalloc int[3 * (LengthMax + 1)] : new int[3 * (right.Length + 1)];
        var beforeLast = cells[..(right.Length + 1)];
        var last = cells.Slice(right.Length + 1, right.Length + 1);
        var row = cells.Slice(2 * (right.Length + 1), right.Length + 1);
        for (var j = 0; j <= right.Length; j++)
        {
            last[j] = j;
        }

        for (var i = 1; i <= left.Length; i++)
        {
            // Away from the diagonal there are as many edits as the distance from it.
            var from = Math.Max(1, i - Math.Min(bound, i));
            var to = (int)Math.Min(right.Length, (long)i + bound);
            row.Fill(bound);
            row[0] = i;
            var least = i;
            for (var j = from; j <= to; j++)
            {
                var same = Same(left[i - 1], right[j - 1]);
                row[j] = Math.Min(Math.Min(last[j], row[j - 1]) + 1, last[j - 1] + (same ? 0 : 1));
                if (i > 1 && j > 1 && Same(left[i - 1], right[j - 2]) && Same(left[i - 2], right[j - 1]))
                {
                    row[j] = Math.Min(row[j], beforeLast[j - 2] + 1);
                }

                least = Math.Min(least, row[j]);
            }

            // A swap reaches back two rows; the row before this one has the same floor.
            if (least > bound)
            {
                return bound;
            }

            var free = beforeLast;
            beforeLast = last;
            last = row;
            row = free;
        }

        return Math.Min(last[right.Length], bound);
    }

    private static bool Same(char left, char right) => char.ToUpperInvariant(left) == char.ToUpperInvariant(right);
}
