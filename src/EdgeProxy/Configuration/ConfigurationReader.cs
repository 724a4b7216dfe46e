using System.Collections.Immutable;

namespace EdgeProxy.Configuration;

/// <summary>What reading a configuration gave: a revision, or the faults that stand in its way. Warnings may come with either.</summary>
internal sealed record ReadResult(Revision? Revision, ImmutableArray<Fault> Faults)
{
    /// <summary>Values that may be anything, since their variables are not known: there is no revision, and no fault in that.</summary>
    public int Unknown { get; init; }

    /// <summary>Nothing is wrong, as far as it can be told.</summary>
    public bool IsValid => Faults.All(fault => fault.Severity != FaultSeverity.Error);
}

/// <summary>
/// Reads a configuration whole: files, one document of them all, variables, known keys, values, and what must hold between
/// them. Every fault is reported at once; a revision comes only of a configuration without one.
/// </summary>
internal static class ConfigurationReader
{
    /// <summary>Reads the file or folder at <paramref name="path"/>, with the variables of this process.</summary>
    public static ReadResult Read(string path, TimeProvider time, bool takesPipe = false) =>
        Read(path, time, ReadOptions.Default with { TakesPipe = takesPipe });

    public static ReadResult Read(string path, TimeProvider time, ReadOptions options)
    {
        var faults = new FaultList(options.Cancellation);
        var files = ConfigurationFiles.Read(path, faults, options.TakesPipe);
        return Read(files, faults, time, options);
    }

    /// <summary>Checks files that have been read already, in the order of their names.</summary>
    public static ReadResult Read(IReadOnlyList<SourceFile> files, TimeProvider time, Func<string, string?> environment) =>
        Read(files, time, ReadOptions.Default with { Variables = new Variables(environment) });

    /// <inheritdoc cref="Read(IReadOnlyList{SourceFile}, TimeProvider, Func{string, string?})"/>
    public static ReadResult Read(IReadOnlyList<SourceFile> files, TimeProvider time, ReadOptions options) =>
        Read(files, new FaultList(options.Cancellation), time, options);

    private static ReadResult Read(IReadOnlyList<SourceFile> files, FaultList faults, TimeProvider time, ReadOptions options)
    {
        if (files.Count == 0)
        {
            return new ReadResult(null, faults.ToSorted());
        }

        var root = new ObjectNode(new Place(files[0].Name, 1, 1));
        var isComplete = !faults.HasErrors;
        var documents = new List<ObjectNode>();
        foreach (var file in files)
        {
            faults.GoOn();
            var document = DocumentReader.Read(file.Name, file.Bytes.Span, faults);
            isComplete &= document is not null;
            documents.AddRange(document is null ? [] : [document]);
        }

        var bounds = FileBounds.Of(documents, faults);
        var merge = new DocumentMerge(faults);
        foreach (var document in documents)
        {
            bounds.Check(document, faults);
            merge.Merge(root, document, ConfigurationSchema.Root);
        }

        var expansion = new Expansion(options.Variables with { MayUse = bounds.MayUse }, faults);
        expansion.Expand(root);
        new ShapeCheck(faults).Check(root, ConfigurationSchema.Root);
        var draft = Draft.Bind(new Section(ConfigurationSchema.Root, root), isComplete);
        ConfigurationChecks.Check(draft, faults, options.LooksAtFiles);
        var revision = faults.HasErrors || expansion.Unknown > 0 ? null : draft.ToRevision(files, time);
        return new ReadResult(revision, faults.ToSorted()) { Unknown = expansion.Unknown };
    }
}
