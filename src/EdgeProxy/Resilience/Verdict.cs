namespace EdgeProxy.Resilience;

/// <summary>What an attempt says about its destination.</summary>
internal enum Verdict
{
    /// <summary>Nothing: the client went away, or its request was not sendable.</summary>
    None,

    /// <summary>It answers, but to a request that was wrong: not counted.</summary>
    Alive,

    Success,

    /// <summary>Counts in the ratio, and in a row of as many as the ratio takes: 500 and its like, and 429.</summary>
    Failure,

    /// <summary>Counts in the ratio, and a few in a row leave no doubt: no answer, or 502, 503, 504.</summary>
    HardFailure,

    /// <summary>The same, without an answer: no connection, or nothing came over it.</summary>
    NoAnswer,
}

internal static class Verdicts
{
    public static Verdict OfStatus(int status) => status switch
    {
        501 or 505 or 508 => Verdict.Alive, // about the request, not about the destination
        502 or 503 or 504 => Verdict.HardFailure,
        >= 500 or 429 => Verdict.Failure,
        >= 400 => Verdict.Alive,
        _ => Verdict.Success,
    };

    /// <param name="outcome">One of <see cref="AttemptOutcome"/>, without an answer.</param>
    public static Verdict OfFailure(string outcome) =>
        outcome is AttemptOutcome.Canceled or AttemptOutcome.Failed or AttemptOutcome.EdgeExhausted ? Verdict.None : Verdict.NoAnswer;

    /// <summary>A gRPC answer that is nothing but its status.</summary>
    /// <param name="isClientsDeadline">The deadline that the answer may be about is the client's own.</param>
    public static Verdict OfGrpc(string status, bool isClientsDeadline) => status switch
    {
        "4" when isClientsDeadline => Verdict.None,
        "14" => Verdict.HardFailure,                 // UNAVAILABLE
        "2" or "4" or "8" or "13" or "15" => Verdict.Failure, // UNKNOWN, DEADLINE, RESOURCE_EXHAUSTED, INTERNAL, DATA_LOSS
        "0" => Verdict.Success,
        _ => Verdict.Alive,
    };
}
