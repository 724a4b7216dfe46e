using System.Net;
using System.Text.RegularExpressions;
using Xunit;

namespace EdgeProxy.EndToEndTests;

/// <summary>Every sample in config/ passes `check` and is served by the published product, on free ports.</summary>
public sealed partial class ExampleTests
{
    public static TheoryData<string> Configurations() => [.. Samples.All()];

    [Theory, MemberData(nameof(Configurations))]
    public async Task A_sample_is_served(string sample)
    {
        using var folder = new Folder();
        var path = Path.Combine(Samples.Root, sample);
        await using var edge = Product.Start(
            folder.Path, Samples.Environment(sample, folder), "run", "--config", path, "--state", folder.Path);

        var admin = AdminAddress().Match(await edge.LineAsync("Ready:")).Groups[1].Value;

        using var client = new HttpClient();
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync($"{admin}/readyz")).StatusCode);
        await edge.SignalAsync("TERM");
        Assert.Equal(0, await edge.ExitAsync());
        Assert.DoesNotContain("warning", edge.Output);
    }

    [Theory, MemberData(nameof(Configurations))]
    public async Task A_sample_has_no_fault(string sample)
    {
        using var folder = new Folder();
        await using var check = Product.Start(
            folder.Path, Samples.Environment(sample, folder), "check", Path.Combine(Samples.Root, sample));

        Assert.Equal(0, await check.ExitAsync());
        Assert.StartsWith("ok: ", check.Output);
        Assert.DoesNotContain("warning", check.Output);
    }

    [GeneratedRegex(@"admin on (\S+)")]
    private static partial Regex AdminAddress();
}
