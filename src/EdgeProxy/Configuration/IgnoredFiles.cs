using System.Collections.Immutable;

namespace EdgeProxy.Configuration;

/// <summary>
/// What lies in a configuration's folder, looks like configuration and is none: `*.json` in a folder of the folder, `*.jsonc`. A file
/// that is moved or renamed so takes its routes along, and nothing else would say so. A folder `examples` is what it says.
/// </summary>
internal static class IgnoredFiles
{
    private const int NamedMax = 20;
    private const int DepthMax = 4;
    private const int LookedAtMax = 200;
    private const int BeginningBytes = 64 * 1024;

    private static readonly string[] LikeJson = [".jsonc", ".json5"];

    private static readonly string[] Sections = ["Edge", "Clients", "RateLimits", "ReverseProxy"];

    private static readonly EnumerationOptions Below = new()
    {
        RecurseSubdirectories = true,
        MaxRecursionDepth = DepthMax,
        IgnoreInaccessible = true,
    };

    /// <summary>Their paths, one for each folder in the folder; empty for a single file, and when the folder cannot be read.</summary>
    public static ImmutableArray<string> In(string path)
    {
        try
        {
            return Directory.Exists(path) ? [.. Find(path).Take(NamedMax).Order(StringComparer.Ordinal)] : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    public static Fault ToWarning(string file, string path) => new(
        FaultSeverity.Warning, FaultCodes.IgnoredFile, file, 1, 1, "$",
        Path.GetDirectoryName(file) == path.TrimEnd(Path.DirectorySeparatorChar)
            ? "this is not read: the configuration is the *.json files of the folder"
            : "this, and what else lies in folders of the folder, is not read: the configuration is the *.json files directly in it");

    private static IEnumerable<string> Find(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(folder))
        {
            if (!Path.GetFileName(file).StartsWith('.') && LikeJson.Any(end => file.EndsWith(end, StringComparison.OrdinalIgnoreCase)))
            {
                yield return file;
            }
        }

        foreach (var inner in Directory.EnumerateDirectories(folder).Where(IsLookedInto))
        {
            if (Directory.EnumerateFiles(inner, "*.json", Below).Take(LookedAtMax).FirstOrDefault(IsConfiguration) is { } file)
            {
                yield return file;
            }
        }
    }

    private static bool IsLookedInto(string folder) =>
        Path.GetFileName(folder) is var name && !name.StartsWith('.') && !name.Equals("examples", StringComparison.OrdinalIgnoreCase)
        && !name.EndsWith(".json", StringComparison.OrdinalIgnoreCase); // which is a fault of its own

    /// <summary>By its name, and by a section at its beginning: dashboards and the like are JSON too.</summary>
    private static bool IsConfiguration(string file)
    {
        if (file.EndsWith(".schema.json", StringComparison.OrdinalIgnoreCase) || FileKind.OtherThanFile(file) is not null)
        {
            return false;
        }

        var bytes = new byte[BeginningBytes];
        using var stream = File.OpenRead(file);
        var beginning = System.Text.Encoding.UTF8.GetString(bytes, 0, stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false));
        return Sections.Any(section => beginning.Contains($"\"{section}\"", StringComparison.OrdinalIgnoreCase));
    }
}
