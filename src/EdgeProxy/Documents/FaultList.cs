using System.Collections.Immutable;

namespace EdgeProxy.Documents;

/// <summary>
/// Collects faults while a configuration is read, so that all are reported at once. What a document full of mistakes may cost is
/// bounded: likely fixes are looked for at first only, and beyond <see cref="FaultsMax"/> faults are counted and not kept.
/// </summary>
/// <param name="cancellation">Ends the reading: whoever asked has left, or it takes too long.</param>
internal sealed class FaultList(CancellationToken cancellation = default)
{
    /// <summary>Faults that are kept.</summary>
    public const int FaultsMax = 10_000;

    /// <summary>Faults that come with a likely fix: nobody reads more of them.</summary>
    public const int SuggestionsMax = 100;

    private const int MessageMax = 1000;

    private readonly List<Fault> _faults = [];

    /// <summary>Names that may still be compared with what somebody wrote.</summary>
    private int _comparisons = 100_000;

    private int _untold;

    public bool HasErrors { get; private set; }

    /// <summary>Whether a likely fix is still worth looking for.</summary>
    public bool MaySuggest => _faults.Count < SuggestionsMax;

    /// <summary>In the order of files, lines and columns.</summary>
    public ImmutableArray<Fault> ToSorted()
    {
        ImmutableArray<Fault> sorted =
        [
            .. _faults.OrderBy(f => f.File, StringComparer.Ordinal).ThenBy(f => f.Line).ThenBy(f => f.Column),
        ];
        return _untold == 0 ? sorted : sorted.Add(new Fault(
            HasErrors ? FaultSeverity.Error : FaultSeverity.Warning, FaultCodes.TooManyFaults, sorted[^1].File, 1, 1, "$",
            $"{Counted.Of(_untold, "more fault")} not shown: {FaultsMax} are"));
    }

    /// <summary>What <paramref name="text"/> was probably meant to be; null when nothing is close, or no longer looked for.</summary>
    public string? Suggest(string text, IEnumerable<string> candidates) =>
        MaySuggest ? Nearest.To(text, candidates.TakeWhile(_ => _comparisons-- > 0)) : null;

    public void Error(string code, Node node, string message, string? suggestion = null)
    {
        node.IsFaulty = true;
        Add(FaultSeverity.Error, code, node.Place, node.Path, message, suggestion);
    }

    public void Error(string code, Place place, string path, string message, string? suggestion = null) =>
        Add(FaultSeverity.Error, code, place, path, message, suggestion);

    public void Warn(string code, Place place, string path, string message, string? suggestion = null) =>
        Add(FaultSeverity.Warning, code, place, path, message, suggestion);

    public void Add(Fault fault) => Add(
        fault.Severity, fault.Code, new Place(fault.File, fault.Line, fault.Column), fault.Path, fault.Message, fault.Suggestion);

    /// <summary>For loops over what a document may hold any number of.</summary>
    /// <exception cref="OperationCanceledException">Nobody waits for the outcome any longer.</exception>
    public void GoOn() => cancellation.ThrowIfCancellationRequested();

    private void Add(FaultSeverity severity, string code, Place place, string path, string message, string? suggestion)
    {
        GoOn();
        HasErrors |= severity == FaultSeverity.Error;
        if (_faults.Count == FaultsMax)
        {
            _untold++;
            return;
        }

        message = message.Length > MessageMax ? string.Concat(message.AsSpan(0, MessageMax), "…") : message;
        _faults.Add(new Fault(severity, code, place.File, place.Line, place.Column, path, message) { Suggestion = suggestion });
    }
}
