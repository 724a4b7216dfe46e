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
        ConfirmAsync(ConfirmLog(ConfigurationReader.Read(path, time, takesPipe), path));

    /// <summary>Checks files that have been read already, in the order of their names.</summary>
    public static Task<ReadResult> OfFilesAsync(IReadOnlyList<SourceFile> files, TimeProvider time) =>
        ConfirmAsync(ConfigurationReader.Read(files, time, Environment.GetEnvironmentVariable));

    /// <summary>Checks one document that is not a file, and looks at no file that it names.</summary>
    public static Task<ReadResult> OfDocumentAsync(string text, string name, TimeProvider time) =>
        ConfirmAsync(ConfigurationReader.ReadDocument(text, name, time, looksAtFiles: false));

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

    private static async Task<ReadResult> ConfirmAsync(ReadResult read) =>
        read.Revision is { } revision && await RouteTable.TryBuildAsync(revision.ProxyRoutes) is { } refusal
            ? new ReadResult(null, [.. read.Faults, ToFault(refusal, revision, "$.ReverseProxy.Routes")])
            : read;
}
