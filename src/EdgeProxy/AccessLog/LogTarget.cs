using System.Runtime.InteropServices;
using System.Text;
using EdgeProxy.Configuration;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.AccessLog;

/// <summary>
/// Opens the file that the access log names, and none that it must not write to: whoever may edit a file of the configuration has not the
/// rights of the process. A regular file is one that the edge has begun, not in the folders of the configuration, and no link.
/// </summary>
internal static class LogTarget
{
    /// <summary>What each line of the access log begins with.</summary>
    private static readonly byte[] Beginning = [.. "{\"time\":\""u8];

    private const int ReadWrite = 2;
    private const int Create = 0x40;
    private const int NoTerminal = 0x100;
    private const int Append = 0x400;
    private const int CloseOnExec = 0x80000;
    private const int Mode = 0x1B6; // rw for all, less the process's mask
    private const int TooManyLinks = 40; // ELOOP: what O_NOFOLLOW says of a link

    /// <summary>The one flag that differs between processors.</summary>
    private static int NoFollow => RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.X86 ? 0x20000 : 0x8000;

    /// <summary>Opens <paramref name="path"/> to append to; throws <see cref="IOException"/> where that must not be.</summary>
    public static SafeFileHandle Open(string path, RunOptions options)
    {
        if (FileKind.OtherThanFile(path) is not null || !OperatingSystem.IsLinux())
        {
            var device = File.OpenHandle(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
            return FileKind.OtherThanFile(LinkOf(device)) is not null || !OperatingSystem.IsLinux()
                ? device
                : throw Refuse(device, $"{path} has become a regular file");
        }

        var number = OpenFile(Encoding.UTF8.GetBytes(path + '\0'), ReadWrite | Create | Append | NoTerminal | CloseOnExec | NoFollow, Mode);
        var error = Marshal.GetLastPInvokeError();
        if (number < 0)
        {
            throw new IOException(
                error == TooManyLinks ? $"{path} is a link" : $"{path}: {Marshal.GetPInvokeErrorMessage(error)}", error);
        }

        var file = new SafeFileHandle(number, ownsHandle: true);
        var real = File.ResolveLinkTarget(LinkOf(file), returnFinalTarget: false)?.FullName ?? path;
        return FolderOf(real, options) is { } folder ? throw Refuse(file, $"{path} is in {folder}")
            : IsNewOrBegunHere(file) ? file
            : throw Refuse(file, $"{path} holds something other than an access log");
    }

    /// <summary>Why <paramref name="path"/> must not be the access log; null when it may, or that shows only when it is opened.</summary>
    public static string? Obstacle(string path, RunOptions options)
    {
        if (FolderOf(Path.GetFullPath(path), options) is { } folder)
        {
            return $"{path} is in {folder}";
        }

        if (!File.Exists(path) || FileKind.OtherThanFile(path) is not null)
        {
            return null;
        }

        try
        {
            Open(path, options).Dispose();
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return exception.Message;
        }
    }

    /// <summary>Writes as much as can be written, and says how much that was.</summary>
    public static int Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, out string? obstacle)
    {
        const int Interrupted = 4;
        var written = 0;
        while (written < bytes.Length)
        {
            var count = WriteFile(file, ref MemoryMarshal.GetReference(bytes[written..]), bytes.Length - written);
            var error = Marshal.GetLastPInvokeError();
            if (count < 0 && error != Interrupted)
            {
                obstacle = Marshal.GetPInvokeErrorMessage(error);
                return written;
            }

            written += (int)Math.Max(0, count);
        }

        obstacle = null;
        return written;
    }

    private static IOException Refuse(SafeFileHandle file, string reason)
    {
        file.Dispose();
        return new IOException(reason);
    }

    private static string LinkOf(SafeFileHandle file) => $"/proc/self/fd/{file.DangerousGetHandle()}";

    private static bool IsNewOrBegunHere(SafeFileHandle file)
    {
        Span<byte> begin = stackalloc byte[Beginning.Length];
        var count = RandomAccess.Read(file, begin, 0);
        return Beginning.AsSpan().StartsWith(begin[..count]);
    }

    /// <summary>The folder that the file is in and must not be; null: it may be where it is.</summary>
    private static string? FolderOf(string file, RunOptions options) =>
        IsWithin(file, RealPathOf(options.ConfigPath)) ? "the configuration"
        : IsWithin(file, RealPathOf(options.StateFolder)) ? "the folder of the last good revision"
        : null;

    private static bool IsWithin(string file, string place) =>
        file == place || file.StartsWith(place.TrimEnd('/') + '/', StringComparison.Ordinal);

    private static string RealPathOf(string path)
    {
        var result = new byte[4096]; // PATH_MAX
        return OperatingSystem.IsLinux() && RealPath(Encoding.UTF8.GetBytes(path + '\0'), result) != 0
            ? Encoding.UTF8.GetString(result, 0, Array.IndexOf(result, (byte)0))
            : Path.GetFullPath(path);
    }

    [DllImport("libc", EntryPoint = "open", ExactSpelling = true, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int OpenFile(byte[] path, int flags, int mode);

    [DllImport("libc", EntryPoint = "write", ExactSpelling = true, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint WriteFile(SafeFileHandle file, ref byte bytes, nint count);

    [DllImport("libc", EntryPoint = "realpath", ExactSpelling = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint RealPath(byte[] path, [Out] byte[] result);
}
