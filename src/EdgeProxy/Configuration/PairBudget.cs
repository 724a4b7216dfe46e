namespace EdgeProxy.Configuration;

/// <summary>What comparing routes with each other may cost. Beyond it nothing more is said: these are warnings.</summary>
internal sealed class PairBudget
{
    private long _left = 2_000_000;

    /// <summary>False: there is nothing left for this pair, whose hosts and methods are compared each with each.</summary>
    public bool Take(RouteReach one, RouteReach other) =>
        (_left -= 1 + ((long)one.Hosts.Count * other.Hosts.Count) + one.Methods.Count + other.Methods.Count) >= 0;
}
