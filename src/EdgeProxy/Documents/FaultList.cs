using System.Collections.Immutable;

namespace EdgeProxy.Documents;

/// <summary>Collects faults while a configuration is read, so that all are reported at once.</summary>
internal sealed class FaultList
{
    private readonly List<Fault> _faults = [];

    public bool HasErrors { get; private set; }

    /// <summary>In the order of files, lines and columns.</summary>
    public ImmutableArray<Fault> ToSorted() =>
    [
        .. _faults.OrderBy(f => f.File, StringComparer.Ordinal).ThenBy(f => f.Line).ThenBy(f => f.Column),
    ];

    public void Error(string code, Node node, string message, string? suggestion = null)
    {
        node.IsFaulty = true;
        Add(FaultSeverity.Error, code, node.Place, node.Path, message, suggestion);
    }

    public void Error(string code, Place place, string path, string message, string? suggestion = null) =>
        Add(FaultSeverity.Error, code, place, path, message, suggestion);

    public void Warn(string code, Place place, string path, string message) =>
        Add(FaultSeverity.Warning, code, place, path, message, null);

    private void Add(FaultSeverity severity, string code, Place place, string path, string message, string? suggestion)
    {
        HasErrors |= severity == FaultSeverity.Error;
        _faults.Add(new Fault(severity, code, place.File, place.Line, place.Column, path, message) { Suggestion = suggestion });
    }
}
