namespace EdgeProxy.Configuration;

/// <summary>How a configuration is read.</summary>
internal sealed record ReadOptions
{
    public static ReadOptions Default { get; } = new();

    /// <summary>Where `${NAME}` comes from.</summary>
    public Variables Variables { get; init; } = Variables.OfProcess;

    /// <summary>Check that the files exist which the configuration names. Not for documents of strangers.</summary>
    public bool LooksAtFiles { get; init; } = true;

    /// <summary>The one file named may be a pipe, such as standard input: it is read this once.</summary>
    public bool TakesPipe { get; init; }

    /// <summary>How long checking may take; null: as long as it does.</summary>
    public TimeSpan? Patience { get; init; }

    /// <summary>Nobody waits for the outcome any longer.</summary>
    public CancellationToken Cancellation { get; init; }
}
