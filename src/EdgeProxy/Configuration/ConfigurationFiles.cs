using System.Collections.Immutable;
using System.Security.Cryptography;

namespace EdgeProxy.Configuration;

/// <summary>A file of the configuration as it stands on disk.</summary>
/// <param name="Name">Path as the user named it: faults refer to it, and paths inside the file count from its folder.</param>
internal sealed record SourceFile(string Name, ReadOnlyMemory<byte> Bytes);

/// <summary>Which files are the configuration: the one named, or all `*.json` directly in the folder named.</summary>
internal static class ConfigurationFiles
{
    /// <summary>Reads the files in the order of their names; what cannot be read is a fault.</summary>
    public static ImmutableArray<SourceFile> Read(string path, FaultList faults)
    {
        try
        {
            var names = Directory.Exists(path) ? Names(path) : [path];
            if (names.Length == 0)
            {
                faults.Error(FaultCodes.NoFiles, new Place(path, 1, 1), "$", "the folder has no *.json file");
            }

            return [.. names.Select(name => ReadFile(name, faults)).OfType<SourceFile>()];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            faults.Error(FaultCodes.Unreadable, new Place(path, 1, 1), "$", exception.Message);
            return [];
        }
    }

    /// <summary>SHA-256 over the files as written, one after the other, lower-case hex.</summary>
    public static string Hash(IEnumerable<SourceFile> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in files)
        {
            hash.AppendData(file.Bytes.Span);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Files of <paramref name="folder"/> that are configuration, in ordinal order.</summary>
    public static ImmutableArray<string> Names(string folder) =>
    [
        .. Directory.EnumerateFiles(folder)
            .Where(file => IsConfiguration(Path.GetFileName(file)))
            .Order(StringComparer.Ordinal),
    ];

    private static bool IsConfiguration(string name) =>
        name.EndsWith(".json", StringComparison.OrdinalIgnoreCase)
        && !name.EndsWith(".schema.json", StringComparison.OrdinalIgnoreCase)
        && !name.StartsWith('.');

    private static SourceFile? ReadFile(string name, FaultList faults)
    {
        try
        {
            if (File.Exists(name))
            {
                return new SourceFile(name, File.ReadAllBytes(name));
            }

            faults.Error(FaultCodes.Unreadable, new Place(name, 1, 1), "$", "the file does not exist");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            faults.Error(FaultCodes.Unreadable, new Place(name, 1, 1), "$", exception.Message);
        }

        return null;
    }
}
