using System.Text;
using System.Text.RegularExpressions;
using EdgeProxy.Configuration;
using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>Several files are one configuration; variables are secrets; bytes of any kind are a fault at worst.</summary>
public sealed class FilesTests
{
    [Fact]
    public void Sections_routes_and_objects_merge_over_files()
    {
        var read = Configurations.Read(
        [
            ("a.json", """{ "$schema": "s", "Edge": { "Requests": { "HeaderCount": 50 } }, """ + Configurations.Proxy + "}"),
            ("b.json", """
                { "$schema": "s", "edge": { "Requests": { "BodyBytes": 7 } },
                  "ReverseProxy": { "Routes": { "r2": { "ClusterId": "C", "Match": { "Path": "/two" } } } } }
                """),
        ]);

        Assert.Empty(read.Faults);
        Assert.Equal((50, 7L), (read.Revision!.Edge.Requests.HeaderCount, read.Revision.Edge.Requests.BodyBytes));
        Assert.Equal("c", read.Revision.Routes["r2"].ClusterId);
        Assert.Equal(["a.json", "b.json"], read.Revision.Files);
    }

    [Theory]
    [InlineData("""{ "ReverseProxy": { "Routes": { "R": {} } } }""", "$.ReverseProxy.Routes.R", 1, 33)]
    [InlineData("""{ "Edge": { "Name": "b" } }""", "$.Edge.Name", 1, 13)]
    [InlineData("""{ "Edge": { "Listen": [ "http://*:81" ] } }""", "$.Edge.Listen", 1, 13)]
    [InlineData("""{ "Edge": [] }""", "$.Edge", 1, 3)]
    public void What_is_set_in_two_files_names_both_places(string second, string path, int line, int column)
    {
        var first = "{ \"Edge\": { \"Name\": \"a\", \"Listen\": [ \"http://*:80\" ] },\n" + Configurations.Proxy + "}";
        var fault = Assert.Single(Configurations.Read([("a.json", first), ("b.json", second)]).Faults);
        Assert.Equal(("duplicate_key", path, "b.json", line, column), (fault.Code, fault.Path, fault.File, fault.Line, fault.Column));
        Assert.Contains("first at a.json:", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_JSON_does_not_hide_the_faults_of_the_others()
    {
        var read = Configurations.Read([("a.json", "{ \"ReverseProxy\": {"), ("b.json", "{ \"Egde\": {} }")]);
        Assert.Equal(["invalid_json", "unknown_key"], read.Faults.Select(f => f.Code));
    }

    [Fact]
    public void All_faults_are_reported_at_once_in_the_order_of_the_file()
    {
        var read = Configurations.Read(Configurations.Document(
            route: """ "Order": "x", "CorsPolicy": "y" """, cluster: """ "HttpClient": { "MaxConnectionsPerServer": 0 } """,
            sections: """ "Edge": { "Nmae": "e" },"""));
        Assert.Equal(["unknown_key", "wrong_type", "unknown_policy", "out_of_range"], read.Faults.Select(f => f.Code));
    }

    [Fact]
    public void What_nobody_uses_is_a_warning()
    {
        var read = Configurations.Read(Configurations.Document(sections: """
            "RateLimits": { "p": { "Limits": [ { "Name": "s", "Capacity": 1, "Refill": 1, "Every": "1s" } ] } },
            "Edge": { "TrustedProxies": [ "0.0.0.0/0" ] },
            """).Replace("\"c\": {", "\"spare\": { \"Destinations\": { \"d\": { \"Address\": \"http://a/\" } } }, \"c\": {"));
        Assert.NotNull(read.Revision);
        Assert.Equal(["unused_rate_limit", "trusts_everybody", "unused_cluster"], read.Faults.Select(f => f.Code));
        Assert.All(read.Faults, f => Assert.Contains(": warning ", f.ToString(), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("${MAX:-30000000}", 30_000_000)]
    [InlineData("${BODY:-1}", 5)]
    [InlineData("${EMPTY:-1}", 1)]
    [InlineData("1${BODY}${BODY}", 155)]
    public void Variables_are_replaced_before_types_are_checked(string text, long expected)
    {
        var read = Configurations.Read(Body(text), ("BODY", "5"), ("EMPTY", ""));
        Assert.Equal(expected, read.Revision!.Edge.Requests.BodyBytes);
    }

    [Theory]
    [InlineData("$${x}", "${x}")]
    [InlineData("a$$b$", "a$$b$")]
    [InlineData("$${${N}", "${v")]
    public void Two_dollars_are_a_literal_one(string written, string expected)
    {
        var read = Configurations.Read(Configurations.Document(route: $"\"Owner\": \"{written}\""), ("N", "v"));
        Assert.Equal(expected, read.Revision!.Routes["r"].Owner);
    }

    [Theory]
    [InlineData("${NOWHERE}", "unset_variable")]
    [InlineData("${", "invalid_expansion")]
    [InlineData("${1X}", "invalid_expansion")]
    [InlineData("${A B:-1}", "invalid_expansion")]
    public void A_variable_that_cannot_be_replaced_is_a_fault(string text, string code) =>
        Assert.Equal(code, Assert.Single(Configurations.Read(Body(text)).Faults).Code);

    [Theory]
    [MemberData(nameof(FaultTests.Documents), MemberType = typeof(FaultTests))]
    [MemberData(nameof(RouteFaultTests.WholeDocuments), MemberType = typeof(RouteFaultTests))]
    public void A_fault_never_shows_what_a_variable_holds(string code, string path, string? suggestion, string document)
    {
        // Every text value comes from the environment: some are then faulty, and none may be shown.
        var variables = new List<(string, string)>();
        var hidden = Regex.Replace(document.Replace("§", ""), "(?<=[:\\[,] *)\"([^\"]*)\"(?! *:)", match =>
        {
            variables.Add(($"V{variables.Count}", match.Groups[1].Value));
            return $"\"${{V{variables.Count - 1}}}\"";
        });
        var faults = Configurations.Read(hidden, [.. variables]).Faults;
        foreach (var fault in faults)
        {
            var text = fault.Message + fault.Suggestion;
            Assert.DoesNotContain(
                variables, v => v.Item2.Length > 5 && Regex.IsMatch(text, $"(?<![A-Za-z]){Regex.Escape(v.Item2)}(?![A-Za-z])"));
        }

        Assert.True(code.Length > 0 && path.Length > 0 && suggestion != "");
    }

    [Fact]
    public void A_byte_order_mark_and_Windows_line_ends_do_not_move_places()
    {
        byte[] bytes = [.. Encoding.UTF8.Preamble, .. "{\r\n  \"Egde\": {}\r\n}"u8];
        var read = ConfigurationReader.Read([new SourceFile("a.json", bytes)], TimeProvider.System, _ => null);
        Assert.Contains(read.Faults, f => (f.Code, f.Line, f.Column) == ("unknown_key", 2, 3));
    }

    [Theory]
    [InlineData(new byte[] { }, "empty_file", 1, 1)]
    [InlineData(new byte[] { 0x20, 0x0A, 0x0D }, "empty_file", 1, 1)]
    [InlineData(new byte[] { 0x7B, 0x0A, 0x22, 0xFF, 0x22 }, "invalid_encoding", 2, 2)]
    [InlineData(new byte[] { 0xFF, 0xFE, 0x7B, 0x00 }, "invalid_encoding", 1, 1)]
    public void A_file_without_text_is_a_fault(byte[] bytes, string code, int line, int column)
    {
        var read = ConfigurationReader.Read([new SourceFile("a.json", bytes)], TimeProvider.System, _ => null);
        Assert.Equal((code, line, column), (read.Faults[0].Code, read.Faults[0].Line, read.Faults[0].Column));
        Assert.Null(read.Revision);
    }

    [Fact]
    public void A_document_of_great_depth_is_a_fault()
    {
        var fault = Assert.Single(Configurations.Read(string.Concat(Enumerable.Repeat("{\"a\":", 100_000))).Faults);
        Assert.Equal("invalid_json", fault.Code);
    }

    [Fact]
    public void Columns_count_characters_not_bytes() => FaultAssert.One(
        "unknown_key", "$.Egde", "Edge", "{ /* ééé */ §\"Egde\": {}, " + Configurations.Proxy + "}");

    private static string Body(string text) =>
        $$"""{ "Edge": { "Requests": { "BodyBytes": "{{text}}" } }, {{Configurations.Proxy}} }""";
}
