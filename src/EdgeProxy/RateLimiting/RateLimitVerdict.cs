namespace EdgeProxy.RateLimiting;

/// <summary>What the limits of a route said about one request.</summary>
/// <param name="Admitted">False: the request is refused.</param>
/// <param name="RetryAfter">When refused, how long until a token is due; null when never.</param>
/// <param name="Violated">Names of the limits that refused.</param>
internal sealed record RateLimitVerdict(bool Admitted, TimeSpan? RetryAfter, IReadOnlyList<string> Violated);
