using System.Collections.Immutable;
using EdgeProxy.Errors;

namespace EdgeProxy.Configuration;

/// <summary>What became of a document that was to be checked.</summary>
/// <param name="Refusal">Why it was not checked; null when it was.</param>
/// <param name="Faults">Warnings included.</param>
internal readonly record struct DocumentVerdict(EdgeError? Refusal, ImmutableArray<Fault> Faults);

/// <summary>
/// Checks a document as if it were the configuration. One at a time, and for a while only: a check of a large one costs memory and a
/// processor. Whoever sends slowly holds no more than what has come. Files that the document names are not looked at, nor the variables
/// of this process: the response would tell what they hold.
/// </summary>
internal sealed class DocumentCheck(TimeProvider time)
{
    /// <summary>What the document is called in faults.</summary>
    private const string Name = "body.json";

    /// <summary>Bytes of bodies that may be here at once, in all.</summary>
    private const long HeldMax = 64L << 20;

    /// <summary>How long a body may take.</summary>
    public static readonly TimeSpan BodyPatience = TimeSpan.FromSeconds(30);

    /// <summary>How long a check may take.</summary>
    public static readonly TimeSpan CheckPatience = TimeSpan.FromSeconds(20);

    private long _held;
    private int _running;

    public async Task<DocumentVerdict> RunAsync(Stream document, CancellationToken cancellation)
    {
        using var body = new MemoryStream();
        try
        {
            if (await TakeAsync(document, body, cancellation) is { } refusal)
            {
                return new DocumentVerdict(refusal, []);
            }

            return Interlocked.Exchange(ref _running, 1) != 0
                ? new DocumentVerdict(EdgeErrors.Overloaded, [])
                : await CheckAsync(new SourceFile(Name, body.GetBuffer().AsMemory(0, (int)body.Length)), cancellation);
        }
        finally
        {
            Interlocked.Add(ref _held, -body.Length);
        }
    }

    private async Task<DocumentVerdict> CheckAsync(SourceFile document, CancellationToken cancellation)
    {
        try
        {
            var read = await ConfigurationCheck.OfDocumentAsync(document, time, CheckPatience, cancellation);
            return new DocumentVerdict(null, read.Faults);
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }

    /// <summary>Reads the body whole. Null: it is here; else why it is not.</summary>
    private async Task<EdgeError?> TakeAsync(Stream document, MemoryStream body, CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(BodyPatience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellation);
        var buffer = new byte[16 * 1024];
        try
        {
            while (await document.ReadAsync(buffer, either.Token) is var count and > 0)
            {
                body.Write(buffer, 0, count);
                if (Interlocked.Add(ref _held, count) > HeldMax)
                {
                    return EdgeErrors.Overloaded;
                }
            }

            return null;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return EdgeErrors.RequestTimeout;
        }
    }
}
