using System.Diagnostics;
using System.Globalization;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>
/// Ends and signals processes. Nobody waits for one on a thread: the pool has as many as there are cores, and all edges, peers and
/// tests share them.
/// </summary>
internal static class Processes
{
    /// <summary>Returns when it is gone, as it may have been before.</summary>
    public static async Task EndAsync(this Process process)
    {
        process.Kill();
        await process.WaitForExitAsync(Wait.Deadline);
    }

    public static async Task SignalAsync(this Process process, string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(Wait.Deadline);
    }
}
