using System.Text.RegularExpressions;
using Xunit;

namespace EdgeProxy.Tests.Metrics;

/// <summary>What is written about metrics is what there is.</summary>
public sealed partial class MetricsDocumentTests
{
    private static readonly string Document = Repository.Read("docs/metrics.md");
    private static readonly string[] Kinds = ["counter", "gauge", "histogram"];

    [Fact]
    public void Every_metric_of_the_code_is_documented_and_no_other()
    {
        var measured = Named(Section("## What is measured"));
        var promised = Named(Section("## Names that are fixed"));
        var code = InCode();

        Assert.Empty(code.Except([.. measured, .. promised]));
        Assert.Empty(measured.Except(code));
        Assert.Empty(measured.Intersect(promised));
    }

    [Theory]
    [InlineData("config/grafana/edgeproxy.json")]
    [InlineData("config/prometheus/rules.yml")]
    [InlineData("docs/metrics.md")]
    [InlineData("docs/operations.md")]
    [InlineData("docs/ratelimiting.md")]
    public void Queries_use_metrics_that_exist(string file)
    {
        var code = InCode();
        var asked = Name().Matches(Repository.Read(file)).Select(match => match.Value)
            .Where(name => !Recorded().IsMatch(name) && name != "edgeproxy")
            .Select(name => HistogramSuffix().Replace(name, ""))
            .ToHashSet();

        Assert.NotEmpty(asked);
        Assert.Empty(asked.Except(code));
    }

    [Fact]
    public void A_row_is_whole_and_its_labels_are_explained()
    {
        var names = Cells("## Labels").SelectMany(cells => cells[0].Split(", ")).Select(name => name.Split(" of ")[0]).ToHashSet();
        foreach (var cells in Cells("## What is measured"))
        {
            Assert.Equal(4, cells.Length);
            Assert.Contains(cells[1], Kinds);
            if (cells[0].StartsWith("`edgeproxy_", StringComparison.Ordinal) && !cells[3].Contains("label", StringComparison.Ordinal))
            {
                Assert.Empty(cells[2].Split(", ", StringSplitOptions.RemoveEmptyEntries).Except(names));
            }
        }
    }

    /// <summary>The rows of a section's table, without its head.</summary>
    private static IEnumerable<string[]> Cells(string heading) => Section(heading).Split('\n')
        .Where(line => line.StartsWith("| ", StringComparison.Ordinal))
        .Skip(1)
        .Select(line => line[1..^1].Split('|', StringSplitOptions.TrimEntries));

    private static HashSet<string> InCode() => [.. Repository.Files()
        .Where(file => file.StartsWith("src", StringComparison.Ordinal) && file.EndsWith(".cs", StringComparison.Ordinal))
        .SelectMany(file => Literal().Matches(Repository.Read(file)))
        .Select(match => match.Groups[1].Value)];

    private static List<string> Named(string section) => [.. Row().Matches(section).Select(match => match.Groups[1].Value)];

    private static string Section(string heading)
    {
        var rest = Document[(Document.IndexOf(heading, StringComparison.Ordinal) + heading.Length)..];
        return rest[..rest.IndexOf("\n## ", StringComparison.Ordinal)];
    }

    [GeneratedRegex("\"((?:edgeproxy|process|dotnet)_[a-z_]+)\"")]
    private static partial Regex Literal();

    [GeneratedRegex("^\\| `([a-z_]+)` \\|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("\\b(?:edgeproxy|process|dotnet)(?:[_:][a-z0-9_:]+)")]
    private static partial Regex Name();

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex HistogramSuffix();

    [GeneratedRegex("^edgeproxy:")]
    private static partial Regex Recorded();
}
