using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace EdgeProxy.Configuration;

/// <summary>One file of the configuration as it stood on disk.</summary>
/// <param name="Name">File name without folder.</param>
/// <param name="Sha256">Of its bytes, lower-case hex; null when it could not be read.</param>
internal sealed record FileHash(string Name, string? Sha256);

/// <summary>What the configuration's files held at one moment. Contents, not times: some tools write without touching those.</summary>
/// <param name="Files">In ordinal order of their names; empty when the file or the folder is missing.</param>
/// <param name="Hash">Over all names and contents.</param>
internal sealed record SourceSnapshot(ImmutableArray<FileHash> Files, string Hash)
{
    /// <summary>Throws where nothing can be opened at all: that says nothing about the files.</summary>
    public static SourceSnapshot Take(string path) =>
        Of([.. Paths(path).Select(file => new FileHash(Path.GetFileName(file), HashOf(file)))]);

    public static SourceSnapshot Of(ImmutableArray<FileHash> files)
    {
        var text = string.Join('\n', files.Select(file => file.Sha256 + " " + file.Name));
        return new SourceSnapshot(files, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))));
    }

    /// <summary>Folder that relative paths inside the configuration start from, and where `.edgeproxy` is kept by default.</summary>
    public static string FolderOf(string path) =>
        Directory.Exists(path) ? path : Path.GetDirectoryName(Path.GetFullPath(path)) ?? path;

    /// <summary>The files that make up the configuration at <paramref name="path"/>, in ordinal order.</summary>
    public static IEnumerable<string> Paths(string path)
    {
        try
        {
            return Directory.Exists(path)
                ? ConfigurationFiles.Names(path)
                : File.Exists(path) ? [path] : [];
        }
        catch (Exception exception) when (IsAboutTheFile(exception))
        {
            return [];
        }
    }

    /// <summary>The file says itself that it has more than a document may have: nobody reads it.</summary>
    public static bool IsTooLarge(FileStream file) => file.CanSeek && file.Length > DocumentReader.BytesMax;

    /// <summary>Reads to the end, piece by piece. False: there is more than a document may have, and perhaps no end.</summary>
    public static bool TryReadAll(FileStream file, Action<ReadOnlySpan<byte>> take)
    {
        var buffer = new byte[64 * 1024];
        var total = 0L;
        int count;
        while ((count = file.Read(buffer)) > 0)
        {
            total += count;
            if (total > DocumentReader.BytesMax)
            {
                return false;
            }

            take(buffer.AsSpan(0, count));
        }

        return true;
    }

    private static bool IsAboutTheFile(Exception exception) =>
        exception is UnauthorizedAccessException || (exception is IOException && !Descriptors.AreMissing(exception));

    private static string? HashOf(string file)
    {
        try
        {
            if (FileKind.OtherThanFile(file) is not null)
            {
                return null;
            }

            using var stream = File.OpenRead(file);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            return !IsTooLarge(stream) && TryReadAll(stream, hash.AppendData) ? Convert.ToHexStringLower(hash.GetHashAndReset()) : null;
        }
        catch (Exception exception) when (IsAboutTheFile(exception))
        {
            return null;
        }
    }
}
