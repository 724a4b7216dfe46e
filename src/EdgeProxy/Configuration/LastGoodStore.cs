using System.Security.Cryptography;
using System.Text;

namespace EdgeProxy.Configuration;

/// <summary>
/// Keeps the files of the last good revision as they were written, `${…}` unexpanded. `DIR/last-good` names a folder beside
/// it that is called after the checksum of its `SHA256SUMS`, which vouches for the rest; it is replaced by renaming, so a
/// crash at any point leaves the earlier revision whole. One process a folder: whoever holds `DIR/lock` writes.
/// </summary>
internal sealed class LastGoodStore(string folder) : IDisposable
{
    private const string Pointer = "last-good";
    private const string Sums = "SHA256SUMS";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private FileStream? _lock;

    /// <summary>`.edgeproxy` inside the folder, or beside the single file.</summary>
    public static string DefaultFolder(string configPath) => Path.Combine(SourceSnapshot.FolderOf(configPath), ".edgeproxy");

    /// <summary>Keeps the files that <paramref name="snapshot"/> was taken of. Null: done; else why not, for people.</summary>
    public string? Save(string configPath, SourceSnapshot snapshot)
    {
        try
        {
            Directory.CreateDirectory(folder, OwnerOnly | UnixFileMode.UserExecute);
            if (!TryLock())
            {
                return $"another process keeps its last good revision in {folder}";
            }

            var manifest = string.Concat(snapshot.Files.Select(file => $"{file.Sha256}  {file.Name}\n"));
            var name = "rev-" + HashOf(Encoding.UTF8.GetBytes(manifest))[..16];
            if (Find() != Path.Combine(folder, name))
            {
                Write(name, manifest, configPath, snapshot);
            }

            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return exception.Message;
        }
    }

    /// <summary>
    /// Path of the last good revision, to be read like any configuration; null when there is none, or its checksums say that
    /// it is not what was written.
    /// </summary>
    public string? Find()
    {
        try
        {
            var pointer = Path.Combine(folder, Pointer);
            var kept = File.Exists(pointer) ? Path.Combine(folder, Path.GetFileName(File.ReadAllText(pointer).Trim())) : null;
            return kept is not null && IsWhole(kept) ? kept : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null; // the last one: what stands there is no path at all
        }
    }

    /// <summary>As <see cref="Find"/>, but for a configuration that was a single file, that file.</summary>
    public string? FindConfiguration(string configPath)
    {
        if (Find() is not { } kept)
        {
            return null;
        }

        var single = Path.Combine(kept, Path.GetFileName(configPath));
        return !Directory.Exists(configPath) && File.Exists(single) ? single : kept;
    }

    public void Dispose() => _lock?.Dispose();

    /// <summary>The runtime takes an advisory lock for a file that it may not share; it goes with the process.</summary>
    private bool TryLock()
    {
        try
        {
            _lock ??= new FileStream(Path.Combine(folder, "lock"), new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                UnixCreateMode = OwnerOnly,
            });
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private void Write(string name, string manifest, string configPath, SourceSnapshot snapshot)
    {
        var temporary = Path.Combine(folder, "new");
        Remove(temporary);
        Remove(Path.Combine(folder, name)); // damaged, or Find would have found it
        Directory.CreateDirectory(temporary, OwnerOnly | UnixFileMode.UserExecute);
        var sources = SourceSnapshot.Paths(configPath).ToDictionary(file => Path.GetFileName(file), StringComparer.Ordinal);
        foreach (var file in snapshot.Files)
        {
            var bytes = File.ReadAllBytes(sources.GetValueOrDefault(file.Name)
                ?? throw new IOException($"{file.Name} changed while it was being kept"));
            if (HashOf(bytes) != file.Sha256)
            {
                throw new IOException($"{file.Name} changed while it was being kept");
            }

            WriteThrough(Path.Combine(temporary, file.Name), bytes);
        }

        WriteThrough(Path.Combine(temporary, Sums), Encoding.UTF8.GetBytes(manifest));
        Directory.Move(temporary, Path.Combine(folder, name));
        PointTo(name);
        RemoveOthers(name);
    }

    private void PointTo(string name)
    {
        var pointer = Path.Combine(folder, Pointer);
        File.Delete(pointer + ".new");
        WriteThrough(pointer + ".new", Encoding.UTF8.GetBytes(name + "\n"));
        File.Move(pointer + ".new", pointer, overwrite: true);
    }

    private void RemoveOthers(string keep)
    {
        foreach (var other in Directory.EnumerateDirectories(folder, "rev-*").Where(other => Path.GetFileName(other) != keep))
        {
            Remove(other);
        }
    }

    private static bool IsWhole(string revision)
    {
        var manifest = File.ReadAllBytes(Path.Combine(revision, Sums));
        return Path.GetFileName(revision) == "rev-" + HashOf(manifest)[..16]
            && Encoding.UTF8.GetString(manifest).Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .All(line => line.Length > 66 && HashOf(File.ReadAllBytes(Path.Combine(revision, line[66..]))) == line[..64]);
    }

    private static void WriteThrough(string path, byte[] bytes)
    {
        using var stream = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = OwnerOnly,
        });
        stream.Write(bytes);
        stream.Flush(flushToDisk: true);
    }

    private static void Remove(string directory)
    {
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static string HashOf(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
