using System.Collections.Immutable;

namespace EdgeProxy.Configuration;

/// <summary>What the process starts from.</summary>
/// <param name="Revision">The revision to serve; null: there is none, and the process ends.</param>
/// <param name="Faults">What is to be said about the files: warnings, or the faults that keep them from being served.</param>
/// <param name="FellBack"><paramref name="Revision"/> is the last good one, kept by an earlier run, and not what the files say.</param>
internal sealed record StartingPoint(Revision? Revision, ImmutableArray<Fault> Faults, bool FellBack)
{
    /// <summary>Reads the files; if they are faulty and the user allows it, the last good revision.</summary>
    public static async Task<StartingPoint> LoadAsync(RunOptions options, TimeProvider time)
    {
        var (revision, faults) = await ConfigurationCheck.OfFilesAsync(options.ConfigPath, time, takesPipe: true);
        return revision is not null || !options.FallBack
            ? new StartingPoint(revision, faults, FellBack: false)
            : await FallBackAsync(options, faults, time);
    }

    /// <summary>The last good revision, because of <paramref name="faults"/> in the files.</summary>
    public static async Task<StartingPoint> FallBackAsync(RunOptions options, ImmutableArray<Fault> faults, TimeProvider time)
    {
        using var store = new LastGoodStore(options.StateFolder); // to read from, which locks nothing
        if (store.FindConfiguration(options.ConfigPath) is not { } kept)
        {
            var nothing = new Fault(
                FaultSeverity.Error, FaultCodes.NoLastGood, options.ConfigPath, 1, 1, "$",
                "there is no whole last good revision to fall back to");
            return new StartingPoint(null, [.. faults, nothing], FellBack: false);
        }

        var (revision, itsFaults) = await ReadKeptAsync(kept, options.ConfigPath, time);
        return revision is null
            ? new StartingPoint(null, [.. faults, .. itsFaults], FellBack: false)
            : new StartingPoint(revision, faults, FellBack: true);
    }

    public ReloadOutcome ToOutcome(DateTimeOffset now) =>
        FellBack ? new ReloadOutcome(false, now, Faults, []) : new ReloadOutcome(true, now, [], Faults);

    /// <summary>Reads the copies under the names of their originals: relative paths count from those. Faults name the copies.</summary>
    private static async Task<(Revision? Revision, ImmutableArray<Fault> Faults)> ReadKeptAsync(
        string kept, string configPath, TimeProvider time)
    {
        var isFolder = Directory.Exists(kept);
        var unreadable = new FaultList();
        SourceFile[] files =
        [
            .. ConfigurationFiles.Read(kept, unreadable)
                .Select(file => file with { Name = isFolder ? Path.Combine(configPath, Path.GetFileName(file.Name)) : configPath }),
        ];
        if (unreadable.HasErrors)
        {
            return (null, unreadable.ToSorted());
        }

        var (revision, faults) = await ConfigurationCheck.OfFilesAsync(files, time);
        return (revision, [.. faults.Select(f => f with { File = isFolder ? Path.Combine(kept, Path.GetFileName(f.File)) : kept })]);
    }
}
