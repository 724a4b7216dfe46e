namespace EdgeProxy;

/// <summary>Names of the fields that the edge itself writes or reads, for all features that have to know of them.</summary>
internal static class EdgeFields
{
    public const string RequestId = "X-Request-Id";

    /// <summary>RFC 9209: who on the way did what to an answer.</summary>
    public const string ProxyStatus = "Proxy-Status";

    /// <summary>To a destination: which attempt this is, from 1.</summary>
    public const string Attempt = "X-Edge-Attempt";

    /// <summary>To a destination: how many edges the request has come through, this one included.</summary>
    public const string Hops = "X-Edge-Hops";

    /// <summary>On an answer that took more than one attempt: how many. Whoever stands before the edge need not try again.</summary>
    public const string AttemptCount = "X-Edge-Attempt-Count";

    /// <summary>On an answer that came from a fallback: its kind.</summary>
    public const string Fallback = "X-Edge-Fallback";

    /// <summary>Asks for the decision record, with the admin token as its value. It goes no further than the edge.</summary>
    public const string DecisionToken = "X-Edge-Decision-Token";

    /// <summary>The decision record of a request that asked for it.</summary>
    public const string Decision = "X-Edge-Decision";
}
