namespace EdgeProxy.Resilience;

/// <summary>How many destinations of a cluster may be left out at a time.</summary>
internal static class EjectionLimit
{
    /// <param name="total">Destinations that are meant to take requests.</param>
    /// <param name="ejected">Those that are left out already.</param>
    /// <param name="others">Destinations that would be available still.</param>
    public static bool Allows(int total, int ejected, int others, int maxPercent) =>
        others > 0 && (ejected + 1) * 100 <= (long)total * maxPercent;
}
