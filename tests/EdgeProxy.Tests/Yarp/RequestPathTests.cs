using EdgeProxy.Yarp;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace EdgeProxy.Tests.Yarp;

public sealed class RequestPathTests
{
    private static readonly string[] Pieces =
        ["/", "a", ".", "..", "%2e", "%2E%2e", "%2F", "%2f", "%5C", "\\", ";", ";x=1", "%41", "%25", "b", "..."];

    [Fact]
    public void What_is_forwarded_means_what_the_edge_has_routed_by() => Prop.ForAll(Paths(), pieces =>
    {
        var path = "/" + string.Concat(pieces);
        return !RequestPath.TryForward(path.AsMemory(), out var forwarded) || Normal(forwarded.ToString()) == Normal(path);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void No_reading_of_what_is_forwarded_leads_upward() => Prop.ForAll(Paths(), pieces =>
    {
        if (!RequestPath.TryForward(("/" + string.Concat(pieces)).AsMemory(), out var forwarded))
        {
            return true;
        }

        var lenient = forwarded.ToString().ToUpperInvariant()
            .Replace("%2F", "/").Replace("%5C", "/").Replace('\\', '/').Replace("%2E", ".");
        return !lenient.Split('/').Any(segment => segment.Split(';')[0] is "." or "..");
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("/a?b?c", "/a", "?b?c")]
    [InlineData("http://host/a%2Fb?x", "/a%2Fb", "?x")]
    [InlineData("http://host?x", "/", "?x")]
    [InlineData("/", "/", "")]
    public void A_target_is_split_at_its_first_question_mark(string target, string path, string query)
    {
        Assert.True(RequestPath.TrySplit(target, out var foundPath, out var foundQuery));
        Assert.Equal((path, query), (foundPath.ToString(), foundQuery.ToString()));
    }

    [Theory, InlineData("*"), InlineData("host:443"), InlineData("http://host"), InlineData("")]
    public void Other_forms_have_no_path(string target) => Assert.False(RequestPath.TrySplit(target, out _, out _));

    private static Arbitrary<string[]> Paths() => Gen.Elements(Pieces).ArrayOf().ToArbitrary();

    /// <summary>Kestrel's reading: escapes decoded but for slashes, then dot segments removed.</summary>
    private static string Normal(string path)
    {
        var result = new Stack<string>();
        var segments = Uri.UnescapeDataString(path.Replace("%2f", "%252F", StringComparison.OrdinalIgnoreCase)).Split('/')[1..];
        foreach (var segment in segments)
        {
            if (segment == "..")
            {
                result.TryPop(out _);
            }
            else if (segment != ".")
            {
                result.Push(segment);
            }
        }

        var open = segments[^1] is "." or "..";
        return string.Concat(result.Reverse().Select(segment => "/" + segment)) + (open ? "/" : "");
    }
}
