using EdgeProxy.AccessLog;

namespace EdgeProxy.Configuration;

/// <summary>
/// The one way from what is written to a revision that can be served, for `check`, `run`, reload and the admin API alike. The reader asks
/// YARP, item by item, and names lines; at the end routing is asked whether it takes the whole. What is wrong is a value.
/// </summary>
internal static class ConfigurationCheck
{
    /// <summary>Reads the file or folder at <paramref name="path"/>.</summary>
    /// <param name="takesPipe">The one file named may be a pipe, such as standard input: it is read this once.</param>
    public static Task<ReadResult> OfFilesAsync(string path, TimeProvider time, bool takesPipe = false) =>
        OfFilesAsync(path, time, ReadOptions.Default with { TakesPipe = takesPipe });

    public static Task<ReadResult> OfFilesAsync(string path, TimeProvider time, ReadOptions options) =>
        WithinAsync(options, time, path, bounded => ConfirmLog(ConfigurationReader.Read(path, time, bounded), path));

    /// <summary>Checks files that have been read already, in the order of their names.</summary>
    public static Task<ReadResult> OfFilesAsync(IReadOnlyList<SourceFile> files, TimeProvider time) =>
        ConfirmAsync(ConfigurationReader.Read(files, time, ReadOptions.Default));

    /// <summary>Checks one document of a stranger: it is not a file, no file that it names is looked at, and no variable.</summary>
    public static Task<ReadResult> OfDocumentAsync(
        SourceFile document, TimeProvider time, TimeSpan patience, CancellationToken cancellation)
    {
        var options = new ReadOptions
        {
            Variables = Variables.Unseen,
            LooksAtFiles = false,
            Patience = patience,
            Cancellation = cancellation,
        };
        return WithinAsync(options, time, document.Name, bounded => ConfigurationReader.Read([document], time, bounded));
    }

    /// <summary>What the platform says of a whole revision: it tells no place.</summary>
    public static Fault ToFault(Exception refusal, Revision revision, string path) => new(
        FaultSeverity.Error, FaultCodes.RefusedByProxy, revision.Files.FirstOrDefault() ?? "", 1, 1, path,
        refusal.GetBaseException().Message.ReplaceLineEndings(" "));

    /// <summary>An access log in the folder of the configuration could become part of it.</summary>
    private static ReadResult ConfirmLog(ReadResult read, string path)
    {
        if (read.Revision is not { Edge.AccessLog.Path: { } log } revision
            || LogTarget.Obstacle(log, new RunOptions { ConfigPath = path }) is not { } obstacle)
        {
            return read;
        }

        var somewhere = new Place(revision.Files.FirstOrDefault() ?? "", 1, 1);
        var place = revision.EdgePlaces.GetValueOrDefault(StartOnlySettings.LogPath, somewhere);
        var fault = new Fault(
            FaultSeverity.Error, FaultCodes.InvalidValue, place.File, place.Line, place.Column, "$." + StartOnlySettings.LogPath,
            $"the access log cannot be written there: {obstacle}");
        return new ReadResult(null, [.. read.Faults, fault]);
    }

    /// <exception cref="OperationCanceledException">Nobody waits for the outcome any longer.</exception>
    private static async Task<ReadResult> WithinAsync(
        ReadOptions options, TimeProvider time, string name, Func<ReadOptions, ReadResult> read)
    {
        using var patience = new CancellationTokenSource(options.Patience ?? Timeout.InfiniteTimeSpan, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, options.Cancellation);
        try
        {
            return await ConfirmAsync(read(options with { Cancellation = either.Token }));
        }
        catch (OperationCanceledException) when (!options.Cancellation.IsCancellationRequested)
        {
            return new ReadResult(null, [new Fault(
                FaultSeverity.Error, FaultCodes.CheckTimeout, name, 1, 1, "$",
                $"checking it takes longer than {options.Patience!.Value.TotalSeconds:0} s; it was given up")]);
        }
    }

    private static async Task<ReadResult> ConfirmAsync(ReadResult read) =>
        read.Revision is { } revision && await RouteTable.TryBuildAsync(revision.ProxyRoutes) is { } refusal
            ? new ReadResult(null, [.. read.Faults, ToFault(refusal, revision, "$.ReverseProxy.Routes")])
            : read;
}
