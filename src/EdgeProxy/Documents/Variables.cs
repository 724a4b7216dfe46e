namespace EdgeProxy.Documents;

/// <summary>What `${NAME}` in a document may stand for.</summary>
/// <param name="Find">The value of a variable; null when there is none.</param>
internal sealed record Variables(Func<string, string?> Find)
{
    /// <summary>Those of this process.</summary>
    public static Variables OfProcess { get; } = new(Environment.GetEnvironmentVariable);

    /// <summary>None at all: defaults stand, and what has no default may be anything. For documents of strangers.</summary>
    public static Variables Unseen { get; } = new(static _ => null) { UnsetIsUnknown = true };

    /// <summary>A variable that is not set and has no default is no fault: its value is not known here.</summary>
    public bool UnsetIsUnknown { get; init; }

    /// <summary>Whether a file, by its path, may use a variable.</summary>
    public Func<string, string, bool> MayUse { get; init; } = static (_, _) => true;
}
