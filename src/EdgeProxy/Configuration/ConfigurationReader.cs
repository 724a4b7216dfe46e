using System.Collections.Immutable;
using System.Text;

namespace EdgeProxy.Configuration;

/// <summary>What reading a configuration gave: a revision, or the faults that stand in its way. Warnings may come with either.</summary>
internal sealed record ReadResult(Revision? Revision, ImmutableArray<Fault> Faults);

/// <summary>
/// Reads a configuration whole: files, one document of them all, variables, known keys, values, and what must hold between
/// them. Every fault is reported at once; a revision comes only of a configuration without one.
/// </summary>
internal static class ConfigurationReader
{
    /// <summary>Reads the file or folder at <paramref name="path"/>, with the variables of this process.</summary>
    public static ReadResult Read(string path, TimeProvider time, bool takesPipe = false) =>
        Read(path, time, Environment.GetEnvironmentVariable, takesPipe);

    public static ReadResult Read(string path, TimeProvider time, Func<string, string?> environment, bool takesPipe = false)
    {
        var faults = new FaultList();
        var files = ConfigurationFiles.Read(path, faults, takesPipe);
        return Read(files, faults, time, environment);
    }

    /// <summary>Checks files that have been read already, in the order of their names.</summary>
    public static ReadResult Read(IReadOnlyList<SourceFile> files, TimeProvider time, Func<string, string?> environment) =>
        Read(files, new FaultList(), time, environment);

    /// <summary>Checks one document that is not a file. <paramref name="name"/> is what faults call it.</summary>
    /// <param name="looksAtFiles">Check that the files exist which the document names. Not for documents of strangers.</param>
    public static ReadResult ReadDocument(
        string text, string name, TimeProvider time, Func<string, string?>? environment = null, bool looksAtFiles = true) =>
        Read(
            [new SourceFile(name, Encoding.UTF8.GetBytes(text))], new FaultList(), time,
            environment ?? Environment.GetEnvironmentVariable, looksAtFiles);

    private static ReadResult Read(
        IReadOnlyList<SourceFile> files, FaultList faults, TimeProvider time, Func<string, string?> environment, bool looksAtFiles = true)
    {
        if (files.Count == 0)
        {
            return new ReadResult(null, faults.ToSorted());
        }

        var root = new ObjectNode(new Place(files[0].Name, 1, 1));
        var merge = new DocumentMerge(faults);
        var isComplete = !faults.HasErrors;
        foreach (var file in files)
        {
            var document = DocumentReader.Read(file.Name, file.Bytes.Span, faults);
            isComplete &= document is not null;
            if (document is not null)
            {
                merge.Merge(root, document, ConfigurationSchema.Root);
            }
        }

        new Expansion(environment, faults).Expand(root);
        new ShapeCheck(faults).Check(root, ConfigurationSchema.Root);
        var draft = Draft.Bind(new Section(ConfigurationSchema.Root, root), isComplete);
        ConfigurationChecks.Check(draft, faults, looksAtFiles);
        return new ReadResult(faults.HasErrors ? null : draft.ToRevision(files, time), faults.ToSorted());
    }
}
