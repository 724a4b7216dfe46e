using System.Runtime.InteropServices;
using System.Text;

namespace EdgeProxy;

/// <summary>
/// Standard output and standard error as the process was given them. One that was closed at the start is whatever the runtime has opened in
/// its place, an assembly perhaps: nothing may be written there, and that nobody listens must not end the process.
/// </summary>
internal static class StandardStreams
{
    private const int Output = 1;
    private const int Error = 2;
    private const int GetDescriptorFlags = 1; // F_GETFD
    private const int GetStatusFlags = 3;     // F_GETFL
    private const int CloseOnExec = 1;        // FD_CLOEXEC
    private const int AccessMode = 3;         // O_ACCMODE
    private const int ReadOnly = 0;

    /// <summary>Takes away those that are none, and lets standard error fail in silence.</summary>
    public static void Guard()
    {
        if (!IsGiven(Output))
        {
            Console.SetOut(TextWriter.Null);
        }

        var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        Console.SetError(TextWriter.Synchronized(new StreamWriter(new SilentStream(OpenError()), utf8) { AutoFlush = true }));
    }

    /// <summary>Standard output to write bytes to; nothing where it was closed at the start.</summary>
    public static Stream OpenOutput() => IsGiven(Output) ? Console.OpenStandardOutput() : Stream.Null;

    /// <summary>The same of standard error.</summary>
    public static Stream OpenError() => IsGiven(Error) ? Console.OpenStandardError() : Stream.Null;

    /// <summary>What the process inherits does not close on exec, or it would not be there; what the runtime opens does.</summary>
    private static bool IsGiven(int number)
    {
        if (!OperatingSystem.IsLinux())
        {
            return true;
        }

        var flags = Control(number, GetDescriptorFlags, 0);
        return flags >= 0 && (flags & CloseOnExec) == 0 && (Control(number, GetStatusFlags, 0) & AccessMode) != ReadOnly;
    }

    [DllImport("libc", EntryPoint = "fcntl", ExactSpelling = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Control(int number, int command, int argument);

    /// <summary>Writes as far as that is possible: on a full disk, say, there is nobody to tell.</summary>
    private sealed class SilentStream(Stream inner) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            try
            {
                inner.Write(buffer);
            }
            catch (IOException)
            {
                // What was to be said is lost; the exit code is not.
            }
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
