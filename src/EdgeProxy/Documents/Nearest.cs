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
                var edits = Edits(text, candidate);
                if (edits < best && edits < Math.Max(text.Length, candidate.Length))
                {
                    (best, nearest) = (edits, candidate);
                }
            }
        }

        return nearest;
    }

    /// <summary>Insertions, deletions, replacements and swaps of neighbours that turn one text into the other, without case.</summary>
    public static int Edits(string left, string right)
    {
        var (beforeLast, last, row) = (new int[right.Length + 1], new int[right.Length + 1], new int[right.Length + 1]);
        for (var j = 0; j <= right.Length; j++)
        {
            last[j] = j;
        }

        for (var i = 1; i <= left.Length; i++)
        {
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var same = Same(left[i - 1], right[j - 1]);
                row[j] = Math.Min(Math.Min(last[j], row[j - 1]) + 1, last[j - 1] + (same ? 0 : 1));
                if (i > 1 && j > 1 && Same(left[i - 1], right[j - 2]) && Same(left[i - 2], right[j - 1]))
                {
                    row[j] = Math.Min(row[j], beforeLast[j - 2] + 1);
                }
            }

            (beforeLast, last, row) = (last, row, beforeLast);
        }

        return last[right.Length];
    }

    private static bool Same(char left, char right) => char.ToUpperInvariant(left) == char.ToUpperInvariant(right);
}
