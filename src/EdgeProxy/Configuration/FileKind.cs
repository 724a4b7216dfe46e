using System.Runtime.InteropServices;
using System.Text;

namespace EdgeProxy.Configuration;

/// <summary>
/// Whether a path leads to a regular file, found out without opening what is there: a pipe that nobody writes to would never
/// open, and a device may do anything when it is. The platform's own calls do not tell.
/// </summary>
internal static class FileKind
{
    private const int CurrentFolder = -100; // AT_FDCWD: that relative paths count from the working folder
    private const uint TypeOnly = 1;        // STATX_TYPE
    private const int ResultLength = 256;
    private const int ModeAt = 28;

    private const string Pipe = "a pipe";

    /// <summary>What it had to say was read, and will not be there again.</summary>
    public static bool IsPipe(string path) => OtherThanFile(path) == Pipe;

    /// <summary>What <paramref name="path"/> leads to, links followed, in words; null: to a regular file, or that cannot be told.</summary>
    public static string? OtherThanFile(string path)
    {
        var result = new byte[ResultLength];
        try
        {
            if (!OperatingSystem.IsLinux() || Ask(CurrentFolder, Encoding.UTF8.GetBytes(path + '\0'), 0, TypeOnly, result) != 0)
            {
                return null; // whoever opens it hears why
            }
        }
        catch (EntryPointNotFoundException)
        {
            return null; // a C library from before 2018
        }

        // The one call of its sort whose answer is laid out alike on all processors.
        return (BitConverter.ToUInt16(result, ModeAt) >> 12) switch
        {
            8 => null,
            1 => Pipe,
            4 => "a folder",
            12 => "a socket",
            _ => "a device",
        };
    }

    [DllImport("libc", EntryPoint = "statx", ExactSpelling = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Ask(int folder, byte[] path, int flags, uint mask, [Out] byte[] result);
}
