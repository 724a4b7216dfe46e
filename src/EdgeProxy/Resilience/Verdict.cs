namespace EdgeProxy.Resilience;

/// <summary>What an attempt says about its destination.</summary>
internal enum Verdict
{
    /// <summary>Nothing: the client went away, its request was not sendable, or it has asked too often (429).</summary>
    None,

    /// <summary>It answers, but to a request that was wrong: not counted.</summary>
    Alive,

    Success,

    /// <summary>Counts in the ratio, and in a row of as many as the ratio takes: 500 and its like.</summary>
    Failure,

    /// <summary>Counts in the ratio, and a few in a row leave no doubt: no answer over a connection, or 502, 503, 504.</summary>
    HardFailure,

    /// <summary>The same, and no client can cause it: no name, no connection, no TLS. Counts at once and in full, whoever asked.</summary>
    Unreachable,
}

internal static class Verdicts
{
    public static Verdict OfStatus(int status) => status switch
    {
        501 or 505 or 508 => Verdict.Alive, // about the request, not about the destination
        502 or 503 or 504 => Verdict.HardFailure,
        >= 500 => Verdict.Failure,
        429 => Verdict.None,
        >= 400 => Verdict.Alive,
        _ => Verdict.Success,
    };

    /// <param name="outcome">One of <see cref="AttemptOutcome"/>, without an answer.</param>
    public static Verdict OfFailure(string outcome) => outcome switch
    {
        AttemptOutcome.Canceled or AttemptOutcome.Failed or AttemptOutcome.EdgeExhausted => Verdict.None,
        AttemptOutcome.Closed or AttemptOutcome.Protocol or AttemptOutcome.Timeout => Verdict.HardFailure,
        _ => Verdict.Unreachable,
    };

    /// <summary>A gRPC answer that is nothing but its status.</summary>
    /// <param name="isClientsDeadline">The deadline that the answer may be about is the client's own.</param>
    public static Verdict OfGrpc(string status, bool isClientsDeadline) => status switch
    {
        "4" when isClientsDeadline => Verdict.None,
        "8" => Verdict.None,                         // RESOURCE_EXHAUSTED: the limit of one client, as 429
        "14" => Verdict.HardFailure,                 // UNAVAILABLE
        "2" or "4" or "13" or "15" => Verdict.Failure, // UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, DATA_LOSS
        "0" => Verdict.Success,
        _ => Verdict.Alive,
    };
}
