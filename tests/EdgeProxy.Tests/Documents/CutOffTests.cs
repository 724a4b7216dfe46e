using System.Text;
using EdgeProxy.Documents;
using Xunit;

namespace EdgeProxy.Tests.Documents;

/// <summary>A file that ends too early says so in plain words, and where what it leaves open begins.</summary>
public sealed class CutOffTests
{
    private const string Whole = """
        { "Edge": {
            "Listen": [ "http://127.0.0.1:80" ],
            "Name": "edge"
        } }
        """;

    [Theory]
    [InlineData("{", "the file ends before an object that begins at line 1, column 1 is closed")]
    [InlineData("{ \"Edge\": {\n  \"Name\": \"x\"\n", "the file ends before an object that begins at line 1, column 11 is closed")]
    [InlineData("{ \"Edge\": {\n  \"Listen\": [ \"htt", "the file ends before a list that begins at line 2, column 13 is closed")]
    [InlineData("{ \"Edge\": tru", "the file ends before an object that begins at line 1, column 1 is closed")]
    [InlineData("{ /* remark", "the file ends before an object that begins at line 1, column 1 is closed")]
    [InlineData("// remark", "the file ends before its value does")]
    public void A_file_that_ends_too_early_says_what_is_open(string text, string message) => Assert.Equal(message, MessageOf(text));

    [Fact]
    public void Every_beginning_of_a_file_is_told_from_a_mistake()
    {
        for (var length = 1; length < Whole.TrimEnd().Length; length++)
        {
            Assert.StartsWith("the file ends before", MessageOf(Whole[..length]), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("{ \"a\": 1 } x", "'x' is invalid after a single JSON value")]
    [InlineData("{ \"a\": 1 \"b\": 2 }", "'\"' is invalid after a value")]
    public void A_mistake_is_not_an_end(string text, string beginning) =>
        Assert.StartsWith(beginning, MessageOf(text), StringComparison.Ordinal);

    [Fact]
    public void Too_deep_is_said_with_its_bound() =>
        Assert.Equal("objects and lists stand in each other more than 64 deep", MessageOf(new string('[', 100)));

    private static string? MessageOf(string text)
    {
        var faults = new FaultList();
        Assert.Null(DocumentReader.Read("a.json", Encoding.UTF8.GetBytes(text), faults));
        return Assert.Single(faults.ToSorted()).Message;
    }
}
