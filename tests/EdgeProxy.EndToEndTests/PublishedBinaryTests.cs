using System.Diagnostics;
using Xunit;

namespace EdgeProxy.EndToEndTests;

/// <summary>The published binary, started as a user starts it.</summary>
public sealed class PublishedBinaryTests
{
    [Fact]
    public async Task Wrong_usage_exits_with_2()
    {
        using var process = Process.Start(new ProcessStartInfo(Product.Binary, ["frobnicate"]) { RedirectStandardError = true })!;
        await process.WaitForExitAsync();
        Assert.Equal(2, process.ExitCode);
    }
}
