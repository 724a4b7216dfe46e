namespace EdgeProxy.AccessLog;

/// <summary>
/// What was decided for one request that its <see cref="EdgeContext"/> does not keep anyway. There is one only while somebody is to
/// read it: the access log, or a client that may ask.
/// </summary>
internal sealed class DecisionRecord
{
    /// <summary>Attempts that are kept; a request makes fewer, unless something is very wrong.</summary>
    public const int AttemptsMax = 16;

    /// <summary>An outcome beside those of <see cref="Resilience.AttemptOutcome"/>: its head had come.</summary>
    public const string IncompleteAnswer = "incomplete";

    private readonly List<AttemptNote> _attempts = [];

    /// <summary>A line of the access log is to be written.</summary>
    public required bool IsLogged { get; init; }

    /// <summary>Bytes of the response's body, as far as they were handed to the server.</summary>
    public long BytesOut { get; set; }

    /// <summary>Why the last failed attempt was not followed by another; null when it was, or there was none.</summary>
    public string? RetrySkipped { get; set; }

    /// <summary>The attempts that have ended so far, in the order in which they did.</summary>
    public AttemptNote[] Attempts
    {
        get
        {
            lock (_attempts)
            {
                return [.. _attempts];
            }
        }
    }

    /// <param name="status">What the destination answered; 0 without an answer.</param>
    public void Attempted(string cluster, string? destination, string outcome, int status, TimeSpan duration)
    {
        lock (_attempts) // attempts may overlap
        {
            if (_attempts.Count < AttemptsMax)
            {
                _attempts.Add(new AttemptNote(cluster, destination, outcome, status, duration));
            }
        }
    }

    /// <summary>The answer that was noted last of this destination broke off, or its rest did not come in time.</summary>
    public void Incomplete(string? destination)
    {
        lock (_attempts)
        {
            var last = _attempts.FindLastIndex(attempt => attempt.Destination == destination);
            if (last >= 0)
            {
                _attempts[last] = _attempts[last] with { Outcome = IncompleteAnswer };
            }
        }
    }
}

/// <summary>One attempt at a destination, up to the head of its answer or its failure.</summary>
internal readonly record struct AttemptNote(string Cluster, string? Destination, string Outcome, int Status, TimeSpan Duration);
