using EdgeProxy.Documents;
using Xunit;

namespace EdgeProxy.Tests.Documents;

/// <summary>A duration that is written in another way is refused with the way to write it.</summary>
public sealed class DurationTextTests
{
    [Theory]
    [InlineData("3", "3s")]
    [InlineData("120", "120s")]
    [InlineData("3 s", "3s")]
    [InlineData("3sec", "3s")]
    [InlineData("30 Seconds", "30s")]
    [InlineData("1 second", "1s")]
    [InlineData("250 msec", "250ms")]
    [InlineData("250 milliseconds", "250ms")]
    [InlineData("5 min", "5m")]
    [InlineData("2 hours", "2h")]
    [InlineData("7days", "7d")]
    [InlineData("1.5s", "1500ms")]
    [InlineData("0.5", "500ms")]
    [InlineData("1.5h", "90m")]
    public void What_was_meant_is_said_in_the_way_that_is_taken(string text, string meant)
    {
        Assert.False(DurationText.TryParse(text, out _));
        Assert.Equal(meant, DurationText.Meant(text));
        Assert.True(DurationText.TryParse(meant, out _));
    }

    [Theory]
    [InlineData("")]
    [InlineData("soon")]
    [InlineData("-5")]
    [InlineData("5w")]
    [InlineData("0.0001s")]
    [InlineData("999999999999d")]
    [InlineData("1e3")]
    public void Where_nobody_can_tell_nothing_is_said(string text) => Assert.Null(DurationText.Meant(text));
}
