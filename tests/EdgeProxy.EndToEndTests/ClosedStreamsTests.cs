using System.Diagnostics;
using Xunit;

namespace EdgeProxy.EndToEndTests;

/// <summary>The published binary, started with a standard stream closed or full, as supervisors and cron jobs do.</summary>
public sealed class ClosedStreamsTests
{
    [Theory]
    [InlineData("2>&-")]
    [InlineData(">&- 2>&-")]
    [InlineData("<&- >&- 2>&-")]
    [InlineData("2>/dev/full")]
    public async Task A_fault_that_nobody_can_read_is_an_exit_code_and_no_crash(string streams)
    {
        var start = new ProcessStartInfo("bash", ["-c", $"\"$0\" check /nowhere.json {streams}; echo $? >&9", Product.Binary])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.ArgumentList[1] = $"exec 9>&1; {start.ArgumentList[1]}";
        using var process = Process.Start(start)!;
        var code = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal("1", code.Trim());
    }
}
