using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>`Edge.Files`: what a team's file may say.</summary>
public sealed class EdgeFilesTests
{
    private const string Bounds = """
        "Files": { "team-a.json": { }, "team-*.json": { "Sections": [ "ReverseProxy" ], "Variables": [ "TEAM_*" ] } }
        """;

    private static readonly (string Name, string Text) Operators =
        ("edge.json", $$"""{ "Edge": { {{Bounds}} }, {{Configurations.Proxy}} }""");

    [Theory]
    [InlineData("team-b.json", """ "ReverseProxy": { "Clusters": { } } """, null)]
    [InlineData("team-b.json", """ "$schema": "edgeproxy.schema.json" """, null)]
    [InlineData("team-b.json", """ "Edge": { "Name": "mine" } """, "section_not_allowed")]
    [InlineData("TEAM-B.JSON", """ "edge": { "Name": "mine" } """, "section_not_allowed")]
    [InlineData("team-b.json", """ "RateLimits": { } """, "section_not_allowed")]
    [InlineData("team-a.json", """ "Edge": { "Name": "mine" } """, null)]
    [InlineData("other.json", """ "Edge": { "Name": "mine" } """, null)]
    public void A_file_holds_the_sections_that_it_may(string file, string content, string? code) =>
        Assert.Equal(code is null ? [] : [code], CodesOf([Operators, (file, $"{{ {content} }}")]));

    [Theory]
    [InlineData("team-b.json", "${TEAM_HOST}", null)]
    [InlineData("team-b.json", "${OTHER}", "variable_not_allowed")]
    [InlineData("team-b.json", "${OTHER:-x.example}", "variable_not_allowed")]
    [InlineData("team-b.json", "${team_host:-x.example}", "variable_not_allowed")]
    [InlineData("team-a.json", "${OTHER}", null)]
    public void A_file_uses_the_variables_that_it_may(string file, string host, string? code)
    {
        var route = $$"""
            { "ReverseProxy": { "Routes": { "own": { "ClusterId": "c", "Match": { "Path": "/own", "Hosts": [ "{{host}}" ] } } } } }
            """;
        Assert.Equal(code is null ? [] : [code], CodesOf([Operators, (file, route)]));
    }

    [Fact]
    public void Only_one_file_says_what_files_may()
    {
        var other = ("a-team.json", """{ "Edge": { "Files": { "x.json": { } } } }""");

        Assert.Equal(["duplicate_key"], CodesOf([other, Operators]));
    }

    private static IEnumerable<string> CodesOf((string, string)[] files) =>
        Configurations.Read(files, ("TEAM_HOST", "a.example"), ("OTHER", "b.example")).Faults.Select(fault => fault.Code);
}
