namespace EdgeProxy.Documents;

/// <summary>Something wrong with the configuration, and where.</summary>
/// <param name="Code">Stable name of the kind of fault, such as `unknown_key`.</param>
/// <param name="File">Path as the user named it.</param>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1, in characters.</param>
/// <param name="Path">JSON path, such as `$.ReverseProxy.Routes.orders.ClusterId`.</param>
internal sealed record Fault(
    FaultSeverity Severity, string Code, string File, int Line, int Column, string Path, string Message)
{
    /// <summary>What the user probably meant.</summary>
    public string? Suggestion { get; init; }

    public override string ToString()
    {
        var severity = Severity == FaultSeverity.Error ? "error" : "warning";
        var suggestion = Suggestion is null ? "" : $"; did you mean \"{Suggestion}\"?";
        return $"{File}:{Line}:{Column}: {severity} {Code} {Path}: {Message}{suggestion}";
    }
}

internal enum FaultSeverity
{
    Warning,
    Error,
}
