using System.Collections.Immutable;

namespace EdgeProxy.Configuration;

/// <summary>What became of a change of the files.</summary>
internal enum ReloadResult
{
    /// <summary>A new revision is active.</summary>
    Accepted,

    /// <summary>Faulty; the active revision stays.</summary>
    Refused,

    /// <summary>After a refused change, the files hold the active revision again.</summary>
    Unchanged,
}

/// <summary>The outcome of one change, or of the start.</summary>
/// <param name="Success">False while the files hold something that was refused.</param>
/// <param name="At">When the change was taken or refused; the start, when there has been none.</param>
/// <param name="Faults">Why it was refused; empty on success.</param>
/// <param name="Warnings">What was taken but wants attention, such as `restart_required`.</param>
internal sealed record ReloadOutcome(
    bool Success, DateTimeOffset At, ImmutableArray<Fault> Faults, ImmutableArray<Fault> Warnings);

/// <summary>The last outcome and how many there were, for metrics and the admin API. Written by one thread, read by any.</summary>
internal sealed class ReloadStatus(ReloadOutcome first)
{
    private readonly long[] _counts = new long[Enum.GetValues<ReloadResult>().Length];
    private volatile ReloadOutcome _last = first;
    private volatile string? _stateWarning;
    private volatile string? _certificateWarning;
    private volatile IReadOnlyList<string> _ignoredFiles = [];

    public ReloadOutcome Last => _last;

    /// <summary>Why the last good revision is not being kept on disk; null when it is.</summary>
    public string? StateWarning
    {
        get => _stateWarning;
        set => _stateWarning = value;
    }

    /// <summary>Why certificates that were renewed are not in use; null when all that the files hold are.</summary>
    public string? CertificateWarning
    {
        get => _certificateWarning;
        set => _certificateWarning = value;
    }

    /// <summary>What lies beside the files of the configuration, looks like one and is not read, as of the last look.</summary>
    public IReadOnlyList<string> IgnoredFiles
    {
        get => _ignoredFiles;
        set => _ignoredFiles = value;
    }

    /// <summary>Changes that ended so since the start.</summary>
    public long Count(ReloadResult result) => Interlocked.Read(ref _counts[(int)result]);

    public void Report(ReloadResult result, ReloadOutcome outcome)
    {
        Interlocked.Increment(ref _counts[(int)result]);
        _last = outcome;
    }
}
