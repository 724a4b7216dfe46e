using EdgeProxy.Yarp;
using Xunit;

namespace EdgeProxy.Tests.Yarp;

public sealed class TraceParentTests
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string Span = "00f067aa0ba902b7";

    [Theory]
    [InlineData($"00-{Trace}-{Span}-01", true)]
    [InlineData($"00-{Trace}-{Span}-00", true)]
    [InlineData($"cc-{Trace}-{Span}-01-what-the-future-brings", true)]
    [InlineData($"cc-{Trace}-{Span}-01", true)]
    [InlineData($"00-{Trace}-{Span}-01-more", false)]
    [InlineData($"cc-{Trace}-{Span}-01more", false)]
    [InlineData($"ff-{Trace}-{Span}-01", false)]
    [InlineData($"00-00000000000000000000000000000000-{Span}-01", false)]
    [InlineData($"00-{Trace}-0000000000000000-01", false)]
    [InlineData($"00-4BF92F3577B34DA6A3CE929D0E0E4736-{Span}-01", false)]
    [InlineData($"00_{Trace}-{Span}-01", false)]
    [InlineData($"00-{Trace}-{Span}-0x", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Only_what_the_standard_allows_is_valid(string? field, bool valid) => Assert.Equal(valid, TraceParent.IsValid(field));

    [Theory]
    [InlineData("00", "01")]
    [InlineData("cc", "01")]
    [InlineData("00", "00")]
    public void A_trace_goes_on_under_version_00_with_its_flags_and_another_span(string version, string flags)
    {
        var next = TraceParent.Next($"{version}-{Trace}-{Span}-{flags}");
        Assert.True(TraceParent.IsValid(next));
        Assert.StartsWith($"00-{Trace}-", next, StringComparison.Ordinal);
        Assert.EndsWith($"-{flags}", next, StringComparison.Ordinal);
        Assert.DoesNotContain(Span, next, StringComparison.Ordinal);
        Assert.Equal(Trace, TraceParent.TraceIdOf(next));
    }

    [Fact]
    public void A_new_trace_is_valid_and_like_no_other()
    {
        var made = Enumerable.Range(0, 100).Select(_ => TraceParent.Next("nonsense")).ToList();
        Assert.All(made, field => Assert.True(TraceParent.IsValid(field)));
        Assert.All(made, field => Assert.False(TraceParent.IsSampled(field))); // nobody exports the span that it names
        Assert.Equal(100, made.Select(TraceParent.TraceIdOf).Distinct().Count());
    }
}
