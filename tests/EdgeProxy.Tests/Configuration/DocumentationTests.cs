using System.Reflection;
using System.Text.Json;
using EdgeProxy.Configuration;
using EdgeProxy.Documents;
using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>docs/configuration.md and the schema file say what the code says.</summary>
public sealed class DocumentationTests
{
    private static readonly string Page = Repository.Read("docs/configuration.md");

    public static TheoryData<string> Objects() => [.. Tables().Keys];

    public static TheoryData<string> Codes() => [.. typeof(FaultCodes)
        .GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (string)field.GetRawConstantValue()!)];

    [Theory, MemberData(nameof(Objects))]
    public void Every_key_is_documented_with_its_range_and_default(string path)
    {
        var expected = $"### {path}\n\n{Tables()[path]}";
        Assert.True(Page.Contains(expected, StringComparison.Ordinal), "docs/configuration.md lacks:\n" + expected);
    }

    [Fact]
    public void No_object_is_documented_that_does_not_exist()
    {
        var documented = Page.Split('\n').Where(line => line.StartsWith("### ", StringComparison.Ordinal)).Select(line => line[4..]);
        Assert.Equal(Tables().Keys, documented);
    }

    [Theory, MemberData(nameof(Codes))]
    public void Every_fault_is_documented(string code) => Assert.Contains($"\n| `{code}` |", Page);

    [Fact]
    public void The_schema_file_is_what_the_verb_prints() =>
        Assert.Equal(Repository.Read("config/edgeproxy.schema.json"), ConfigurationSchema.ToJson());

    [Fact]
    public void The_schema_is_JSON_and_knows_every_section()
    {
        using var schema = JsonDocument.Parse(ConfigurationSchema.ToJson());
        var sections = schema.RootElement.GetProperty("properties").EnumerateObject().Select(p => p.Name);
        Assert.Equal(["$schema", "Edge", "Clients", "RateLimits", "ReverseProxy"], sections);
    }

    [Fact]
    public void A_default_is_a_value_that_the_key_admits()
    {
        var defaults = Walk("", ConfigurationSchema.Root).Where(k => k.Key.Default is not null && k.Key.Shape is not ListShape);
        foreach (var (path, key) in defaults)
        {
            var faults = new FaultList();
            var node = new ScalarNode(new Place("default", 1, 1), ScalarKind.Text, key.Default!);
            new ShapeCheck(faults).Check(node, key.Shape);
            Assert.False(faults.HasErrors, $"{path}.{key.Name}: {string.Join('\n', faults.ToSorted())}");
        }
    }

    private static Dictionary<string, string> Tables() => Walk("", ConfigurationSchema.Root)
        .GroupBy(k => k.Path)
        .Where(group => group.Key.Length > 0)
        .ToDictionary(
            group => group.Key,
            group => "| key | value | default | meaning |\n|---|---|---|---|\n" + string.Concat(group.Select(k => Row(k.Key))));

    private static string Row(Key key)
    {
        var standard = key switch
        {
            { Required: true } => "required",
            { Default: "" } => "empty",
            { Default: { } text } => $"`{text}`",
            _ => "–",
        };
        return $"| `{key.Name}` | {key.Shape.Expected} | {standard} | {key.Doc} |\n";
    }

    private static IEnumerable<(string Path, Key Key)> Walk(string path, Shape shape) => shape switch
    {
        ObjectShape keys => keys.Keys.Select(k => (path, k))
            .Concat(keys.Keys.SelectMany(k => Walk(path.Length > 0 ? $"{path}.{k.Name}" : k.Name, k.Shape))),
        MapShape map => Walk($"{path}.{map.Noun.ToUpperInvariant()}", map.Item),
        ListShape list => Walk(path + "[]", list.Item),
        ShorthandShape shorthand => Walk(path, shorthand.Full),
        ChoiceShape choice => choice.Choices.SelectMany(c => Walk(path, c)),
        _ => [],
    };
}
