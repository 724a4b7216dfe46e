using System.Text.RegularExpressions;
using Xunit;

namespace EdgeProxy.Tests;

/// <summary>Where code stands and what it may use. A feature goes with its folder: nothing but the composing files knows it.</summary>
public sealed partial class LayoutTests
{
    /// <summary>Folders that every feature may use.</summary>
    private static readonly string[] Foundation = ["Configuration", "Documents", "Clients", "Errors", "Metrics", "Redis"];

    /// <summary>Folders that list and join the features; the files of the root do too.</summary>
    private static readonly string[] Composing = ["Admin", "Cli", "Configuration"];

    /// <summary>Uses that the rule does not allow, each with its reason: debt stays visible.</summary>
    private static readonly HashSet<string> Exceptions =
    [
        "Fallbacks uses Shedding", // another cluster has bounds of its own
        "Fallbacks uses Resilience", // a fallback is what comes after the attempts, and another cluster is attempts again
        "Health uses Resilience", // a destination's state in one word covers drain and ejection too, and both count outcomes alike
        "Health uses Shedding", // a route and a cluster are shown with how full their gates are
        "Resilience uses Shedding", // a cluster's gate is where its destinations are chosen
        "Resilience uses Upstreams", // attempts go on the connections that are made there
        "Resilience uses Yarp", // the handler under the forwarder writes the target that the transforms set aside for it
    ];

    /// <summary>Folders that nothing but the files of the root may use.</summary>
    private static readonly string[] Outermost = ["Admin", "Cli"];

    private static string Source => Path.Combine(Repository.Root, "src", "EdgeProxy");

    public static TheoryData<string> Folders() => [.. Directory
        .EnumerateDirectories(Source)
        .Select(folder => Path.GetFileName(folder))
        .Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Folders))]
    public void A_feature_uses_the_foundation_and_no_other_feature(string folder)
    {
        var features = Directory.EnumerateDirectories(Source).Select(Path.GetFileName).ToHashSet();
        var allowed = Composing.Contains(folder) ? features.Except(Outermost) : Foundation;
        var stray = from file in Directory.EnumerateFiles(Path.Combine(Source, folder), "*.cs", SearchOption.AllDirectories)
                    from Match use in UseOfFeature().Matches(File.ReadAllText(file))
                    let used = use.Groups[1].Value
                    where features.Contains(used) && used != folder && !allowed.Contains(used)
                    where !Exceptions.Contains($"{folder} uses {used}")
                    select $"{Path.GetFileName(file)} uses {used}";
        Assert.Empty(stray);
    }

    [Theory, MemberData(nameof(Folders))]
    public void A_feature_is_one_folder_without_folders(string folder) =>
        Assert.Empty(Directory.EnumerateDirectories(Path.Combine(Source, folder)));

    [Theory]
    [InlineData("Program.cs", 30)]
    [InlineData("Pipeline.cs", 60)]
    public void What_a_newcomer_reads_first_stays_short(string file, int limit) =>
        Assert.InRange(File.ReadAllLines(Path.Combine(Source, file)).Length, 1, limit);

    [GeneratedRegex(@"\bEdgeProxy\.(\w+)")]
    private static partial Regex UseOfFeature();
}
