using EdgeProxy.Resilience;
using Xunit;

namespace EdgeProxy.Tests.Resilience;

public sealed class GrpcTimeoutTests
{
    [Theory]
    [InlineData("1H", 3_600_000)]
    [InlineData("2M", 120_000)]
    [InlineData("3S", 3_000)]
    [InlineData("250m", 250)]
    [InlineData("5000u", 5)]
    [InlineData("7000000n", 7)]
    [InlineData("0m", 0)]
    [InlineData("99999999H", 24d * 24 * 3_600_000)]
    public void Every_unit_is_read(string text, double milliseconds)
    {
        Assert.True(GrpcTimeout.TryParse(text, out var value));
        Assert.Equal(milliseconds, value.TotalMilliseconds, 6);
    }

    [Theory]
    [InlineData(null), InlineData(""), InlineData("S"), InlineData("5"), InlineData("-5S"), InlineData("+5S"), InlineData("5 S")]
    [InlineData("5s"), InlineData("123456789S"), InlineData("1.5S")]
    public void What_is_no_timeout_counts_as_none(string? text) => Assert.False(GrpcTimeout.TryParse(text, out _));
}
