using EdgeProxy.Metrics;

namespace EdgeProxy;

/// <summary>
/// The file descriptors of the process, shared out once it is complete: to clients, to destinations, to the admin listener, and to all
/// else. Each part has its own bound, so that none uses up another's; a descriptor that is missing at the wrong moment ends the process.
/// </summary>
internal sealed class Descriptors
{
    /// <summary>An upper bound where nothing is bounded; no machine gets there.</summary>
    public const long ManyClients = 1_000_000;

    private static readonly IReadOnlyList<int> Exhausted = [23, 24]; // ENFILE, EMFILE

    private volatile Shares _shares = Shares.Of(double.PositiveInfinity, 0);
    private long _open;
    private long _listeners;

    /// <summary>Connections of clients that may be open, unless the configuration says how many.</summary>
    public long Clients => _shares.Clients;

    /// <summary>Connections to destinations that may be open, idle ones included.</summary>
    public long Destinations => _shares.Destinations;

    /// <summary>Connections to the admin listener that may be open.</summary>
    public long Admin => _shares.Admin;

    /// <summary>Shares out what is left. To be called when the listeners are open and all assemblies are loaded.</summary>
    public void Measure()
    {
        if (OperatingSystem.IsLinux())
        {
            // A listener holds a place for the connection that it accepts next, which has no descriptor yet and needs one.
            Share(Shares.Of(ProcessMetrics.MaxOpenFiles(), ProcessMetrics.OpenFiles() - Volatile.Read(ref _open) + (2 * _listeners)));
        }
    }

    public void Share(Shares shares) => _shares = shares;

    /// <summary>
    /// A listener is open. It has a place beyond the shares: while they are used up it still accepts one connection, which is then
    /// refused, or for which an idle one is closed.
    /// </summary>
    public void ListenerOpened() => Interlocked.Increment(ref _listeners);

    /// <summary>A listener was closed.</summary>
    public void ListenerClosed() => Interlocked.Decrement(ref _listeners);

    /// <summary>Takes the place of a socket that is about to be opened; false: it may find no descriptor.</summary>
    public bool TryOpen()
    {
        if (Interlocked.Increment(ref _open) <= _shares.Total + Volatile.Read(ref _listeners))
        {
            return true;
        }

        Closed();
        return false;
    }

    /// <summary>A socket was closed, or was not opened after all.</summary>
    public void Closed() => Interlocked.Decrement(ref _open);

    /// <summary>A file could not be opened for want of descriptors: it says nothing about the file.</summary>
    public static bool AreMissing(Exception exception) => exception is IOException && Exhausted.Contains(exception.HResult);

    /// <summary>Who gets how many.</summary>
    internal sealed record Shares(long Clients, long Destinations, long Admin)
    {
        /// <summary>What all of them have together; the rest is for files, the store and the runtime.</summary>
        public long Total => Clients + Destinations + Admin;

        /// <param name="openFiles">Descriptors that the process may have.</param>
        /// <param name="atRest">Those that it has without any connection.</param>
        public static Shares Of(double openFiles, long atRest)
        {
            if (double.IsInfinity(openFiles))
            {
                return new(ManyClients, long.MaxValue / 4, 256);
            }

            var left = Math.Max(0, (long)openFiles - atRest);
            var admin = Math.Clamp(left / 16, 2, 256);
            var reserved = Math.Clamp(left / 16, 8, 256); // threads that start at once take up to three each, for a moment
            var connections = Math.Max(4, left - admin - reserved);
            return new(Math.Min(connections / 2, ManyClients), connections - (connections / 2), admin);
        }
    }
}
