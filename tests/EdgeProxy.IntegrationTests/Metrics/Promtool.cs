using System.Diagnostics;
using Xunit;

namespace EdgeProxy.IntegrationTests.Metrics;

/// <summary>Prometheus' own judgement of an exposition.</summary>
internal static class Promtool
{
    public static async Task AcceptsAsync(Scrape scrape)
    {
        using var promtool = Process.Start(new ProcessStartInfo("promtool", ["check", "metrics"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        await promtool.StandardInput.WriteAsync(scrape.Text);
        promtool.StandardInput.Close();
        var complaints = await promtool.StandardError.ReadToEndAsync() + await promtool.StandardOutput.ReadToEndAsync();
        await promtool.WaitForExitAsync();
        Assert.Equal((0, ""), (promtool.ExitCode, complaints));
    }
}
