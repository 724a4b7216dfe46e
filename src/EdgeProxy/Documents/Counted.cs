namespace EdgeProxy.Documents;

/// <summary>A number and its noun: `1 route`, `2 routes`.</summary>
internal static class Counted
{
    /// <param name="noun">One whose plural takes an s.</param>
    public static string Of(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";
}
