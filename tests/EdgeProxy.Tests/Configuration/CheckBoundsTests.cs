using System.Text;
using EdgeProxy.Configuration;
using EdgeProxy.Documents;
using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>What checking a document may cost, whoever wrote it.</summary>
public sealed class CheckBoundsTests
{
    private const string OneRoute = Configurations.Proxy;

    [Fact]
    public void A_likely_fix_is_looked_for_a_hundred_times_at_most()
    {
        var keys = string.Join(',', Enumerable.Range(0, 300).Select(i => $"\"Listan{i}\": 1"));
        var read = Configurations.Read($$"""{ "Edge": { "Listem": 1, {{keys}} }, {{OneRoute}} }""");

        Assert.Equal(301, read.Faults.Count(fault => fault.Code == "unknown_key"));
        Assert.Equal("Listen", read.Faults[0].Suggestion);
        Assert.InRange(read.Faults.Count(fault => fault.Suggestion is not null), 1, FaultList.SuggestionsMax);
    }

    [Fact]
    public void Thousands_of_names_that_are_nearly_others_are_checked_in_seconds()
    {
        var routes = string.Join(',', Enumerable.Range(0, 3000).Select(i =>
            $$""" "r{{i}}": { "ClusterId": "{{new string('k', 55)}}{{i:D5}}", "Match": { "Path": "/{{i}}" } } """));
        var clusters = string.Join(',', Enumerable.Range(0, 3000).Select(i =>
            $$""" "{{new string('k', 54)}}z{{i:D5}}": { "Destinations": { "d": { "Address": "http://127.0.0.1:1/" } } } """));

        var read = Within(
            TimeSpan.FromSeconds(20), $$"""{ "ReverseProxy": { "Routes": { {{routes}} }, "Clusters": { {{clusters}} } } }""");

        Assert.Equal(3000, read.Faults.Count(fault => fault.Code == "unknown_cluster"));
    }

    [Fact]
    public void Faults_beyond_ten_thousand_are_counted_and_not_kept()
    {
        var keys = string.Join(',', Enumerable.Range(0, FaultList.FaultsMax + 500).Select(i => $"\"{i}\": 1"));
        var read = Configurations.Read($$"""{ "Edge": { {{keys}} }, {{OneRoute}} }""");

        Assert.Equal(FaultList.FaultsMax + 1, read.Faults.Length);
        Assert.Equal("too_many_faults", read.Faults[^1].Code);
        Assert.StartsWith("500 more faults", read.Faults[^1].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_name_is_not_repeated_in_each_fault_below_it()
    {
        var keys = string.Join(',', Enumerable.Range(0, 1000).Select(i => $"\"{i}\": 1"));
        var read = Configurations.Read($$"""
            { "ReverseProxy": { "Routes": { "{{new string('x', 100_000)}}": { {{keys}} } } } }
            """);

        Assert.InRange(read.Faults.Sum(fault => fault.ToString().Length), 1, 1_000_000);
    }

    [Theory]
    [InlineData(2000, 1)]
    [InlineData(1, 200)]
    public void Variables_that_make_a_text_too_long_are_refused_before_they_do(int inOne, int texts)
    {
        var text = string.Concat(Enumerable.Repeat("${BIG}", inOne));
        var metadata = string.Join(',', Enumerable.Range(0, texts).Select(i => $"\"k{i}\": \"{text}\""));

        var read = Configurations.Read(
            Configurations.Document(route: $"\"Metadata\": {{ {metadata} }}"), ("BIG", new string('x', 100_000)));

        Assert.Contains("expansion_too_large", read.Faults.Select(fault => fault.Code));
    }

    [Fact]
    public void Routes_whose_table_would_not_fit_into_memory_are_refused()
    {
        // Each has one literal among parameters: the table would have a place for every choice between them.
        var routes = string.Join(',', Enumerable.Range(0, 24).Select(i =>
        {
            var path = string.Concat(Enumerable.Range(0, 24).Select(j => i == j ? "/fixed" : $"/{{p{j}}}"));
            return $$""" "r{{i}}": { "ClusterId": "c", "Timeout": "9s", "Match": { "Path": "{{path}}" } } """;
        }));

        var read = Within(TimeSpan.FromSeconds(20), $$"""
            { "ReverseProxy": { "Routes": { {{routes}} },
                                "Clusters": { "c": { "Destinations": { "d": { "Address": "http://127.0.0.1:1/" } } } } } }
            """);

        Assert.Equal(["too_many_combinations"], read.Faults.Select(fault => fault.Code));
    }

    [Fact]
    public async Task Tens_of_thousands_of_wildcards_are_checked_in_seconds()
    {
        var hosts = string.Join(',', Enumerable.Range(0, 30_000).Select(i => $"\"*.w{i}.example\""));
        var document = Configurations.Document("\"Timeout\": \"9s\"").Replace(
            "\"Path\"", $"\"Hosts\": [ {hosts} ], \"Path\"", StringComparison.Ordinal);
        var began = TimeProvider.System.GetTimestamp();

        var read = await ConfigurationCheck.OfDocumentAsync(
            new SourceFile("edge.json", Encoding.UTF8.GetBytes(document)), TimeProvider.System, TimeSpan.FromMinutes(1),
            CancellationToken.None);

        Assert.Empty(read.Faults);
        Assert.InRange(TimeProvider.System.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void A_check_that_nobody_waits_for_ends()
    {
        var file = new SourceFile("edge.json", Encoding.UTF8.GetBytes($"{{ {OneRoute} }}"));

        Assert.ThrowsAny<OperationCanceledException>(() => ConfigurationReader.Read(
            [file], TimeProvider.System, new ReadOptions { Cancellation = new CancellationToken(canceled: true) }));
    }

    [Fact]
    public async Task A_check_that_takes_too_long_is_given_up_and_says_so()
    {
        var routes = string.Join(',', Enumerable.Range(0, 5000).Select(i =>
            $$""" "r{{i}}": { "ClusterId": "c", "Match": { "Path": "/{id:regex(^a{{i}}b+$)}/{{i}}" } } """));
        var file = new SourceFile("edge.json", Encoding.UTF8.GetBytes($$"""{ "ReverseProxy": { "Routes": { {{routes}} } } }"""));

        var read = await ConfigurationCheck.OfDocumentAsync(
            file, TimeProvider.System, TimeSpan.FromMilliseconds(1), CancellationToken.None);

        Assert.Equal(["check_timeout"], read.Faults.Select(fault => fault.Code));
    }

    [Fact]
    public void What_was_probably_meant_is_the_name_with_the_fewest_edits()
    {
        var random = new Random(11);
        for (var round = 0; round < 300; round++)
        {
            var text = Word(random);
            string[] names = [.. Enumerable.Range(0, 8).Select(_ => Word(random))];
            var fewest = names.Select(name => (Edits: Nearest.Edits(text, name), Most: Math.Max(text.Length, name.Length)))
                .Where(name => name.Edits < name.Most).Select(name => name.Edits).DefaultIfEmpty(int.MaxValue).Min();

            if (Nearest.To(text, names) is { } nearest)
            {
                Assert.Equal(fewest, Nearest.Edits(text, nearest));
            }
            else
            {
                Assert.True(fewest > Math.Max(2, text.Length / 3), $"{text} {string.Join(' ', names)}");
            }
        }
    }

    private static string Word(Random random) =>
        string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => (char)('a' + random.Next(4))));

    private static ReadResult Within(TimeSpan patience, string document)
    {
        using var deadline = new CancellationTokenSource(patience);
        return ConfigurationReader.Read(
            [new SourceFile("edge.json", Encoding.UTF8.GetBytes(document))], TimeProvider.System,
            new ReadOptions { Cancellation = deadline.Token });
    }
}
