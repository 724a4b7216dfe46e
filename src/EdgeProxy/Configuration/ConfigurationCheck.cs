using System.Collections.Immutable;

namespace EdgeProxy.Configuration;

/// <summary>
/// Checks a document as if it were the configuration. One at a time: a check of a large one costs memory. Files that the document
/// names are not looked at: the answer would tell which exist.
/// </summary>
internal sealed class ConfigurationCheck(RevisionRehearsal rehearsal, TimeProvider time)
{
    /// <summary>What the document is called in faults.</summary>
    private const string Name = "body.json";

    private int _running;

    /// <summary>The document's faults, warnings included; null when another check is running.</summary>
    public async Task<ImmutableArray<Fault>?> RunAsync(Stream document, CancellationToken cancellation)
    {
        if (Interlocked.Exchange(ref _running, 1) != 0)
        {
            return null;
        }

        try
        {
            using var reader = new StreamReader(document);
            var read = ConfigurationReader.ReadDocument(await reader.ReadToEndAsync(cancellation), Name, time, looksAtFiles: false);
            var refused = read.Revision is { } revision ? await rehearsal.RunAsync(revision) : [];
            return [.. read.Faults, .. refused];
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }
}
