using System.Collections.Immutable;
using System.Security.Cryptography;

namespace EdgeProxy.Configuration;

/// <summary>A file of the configuration as it stands on disk.</summary>
/// <param name="Name">Path as the user named it: faults refer to it, and paths inside the file count from its folder.</param>
internal sealed record SourceFile(string Name, ReadOnlyMemory<byte> Bytes);

/// <summary>Which files are the configuration: the one named, or all `*.json` directly in the folder named.</summary>
internal static class ConfigurationFiles
{
    /// <summary>Files of a folder beyond which it is not taken for a configuration.</summary>
    private const int CountMax = 1000;

    /// <summary>Reads the files in the order of their names; what cannot be read is a fault.</summary>
    /// <param name="path">The file or the folder.</param>
    /// <param name="faults">Takes what is wrong.</param>
    /// <param name="takesPipe">The one file named may be a pipe, such as standard input: it is waited for, and read this once.</param>
    public static ImmutableArray<SourceFile> Read(string path, FaultList faults, bool takesPipe = false)
    {
        try
        {
            var isFolder = Directory.Exists(path);
            var names = isFolder ? Names(path) : [path];
            if (names.Length == 0)
            {
                faults.Error(FaultCodes.NoFiles, new Place(path, 1, 1), "$", "the folder has no *.json file");
            }

            if (names.Length > CountMax)
            {
                faults.Error(
                    FaultCodes.TooManyFiles, new Place(path, 1, 1), "$",
                    $"the folder has {names.Length} *.json files; {CountMax} are allowed");
                return [];
            }

            foreach (var ignored in IgnoredFiles.In(path))
            {
                faults.Add(IgnoredFiles.ToWarning(ignored, path));
            }

            return [.. names.Select(name => ReadFile(name, faults, takesPipe && !isFolder)).OfType<SourceFile>()];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            faults.Error(CodeOf(exception), new Place(path, 1, 1), "$", exception.Message);
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

    /// <summary>
    /// Files of <paramref name="folder"/> that are configuration, in ordinal order; and whatever else has such a name, for it was
    /// meant to be one.
    /// </summary>
    public static ImmutableArray<string> Names(string folder) =>
    [
        .. Directory.EnumerateFileSystemEntries(folder)
            .Where(file => IsConfiguration(Path.GetFileName(file)))
            .Order(StringComparer.Ordinal),
    ];

    private static string CodeOf(Exception exception) =>
        Descriptors.AreMissing(exception) ? FaultCodes.NoDescriptors : FaultCodes.Unreadable;

    private static bool IsConfiguration(string name) =>
        name.EndsWith(".json", StringComparison.OrdinalIgnoreCase)
        && !name.EndsWith(".schema.json", StringComparison.OrdinalIgnoreCase)
        && !name.StartsWith('.');

    private static SourceFile? ReadFile(string name, FaultList faults, bool takesPipe)
    {
        try
        {
            if (!takesPipe && FileKind.OtherThanFile(name) is { } other)
            {
                faults.Error(FaultCodes.Unreadable, new Place(name, 1, 1), "$", $"this is {other}, not a regular file");
            }
            else if (File.Exists(name))
            {
                if (TryReadBytes(name, out var bytes))
                {
                    return new SourceFile(name, bytes);
                }

                faults.Error(
                    FaultCodes.FileTooLarge, new Place(name, 1, 1), "$", $"the file has more than {DocumentReader.BytesMax} bytes");
            }
            else
            {
                faults.Error(FaultCodes.Unreadable, new Place(name, 1, 1), "$", "the file does not exist");
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            faults.Error(CodeOf(exception), new Place(name, 1, 1), "$", exception.Message);
        }

        return null;
    }

    /// <summary>False: there is more than a document may have. A pipe does not tell its length, and a file may grow meanwhile.</summary>
    private static bool TryReadBytes(string name, out ReadOnlyMemory<byte> bytes)
    {
        bytes = default;
        using var file = File.OpenRead(name);
        if (SourceSnapshot.IsTooLarge(file))
        {
            return false;
        }

        using var read = new MemoryStream(file.CanSeek ? (int)file.Length : 0);
        if (!SourceSnapshot.TryReadAll(file, read.Write))
        {
            return false;
        }

        bytes = read.GetBuffer().AsMemory(0, (int)read.Length);
        return true;
    }
}
