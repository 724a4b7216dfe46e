using System.Collections.Immutable;

namespace EdgeProxy.Configuration;

/// <summary>
/// Checks a document as if it were the configuration. One at a time: a check of a large one costs memory. Files that the document
/// names are not looked at: the answer would tell which exist.
/// </summary>
internal sealed class DocumentCheck(TimeProvider time)
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
            return (await ConfigurationCheck.OfDocumentAsync(await reader.ReadToEndAsync(cancellation), Name, time)).Faults;
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }
}
