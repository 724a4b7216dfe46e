using EdgeProxy.Requests;
using Xunit;

namespace EdgeProxy.Tests.Requests;

public sealed class HopCountTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(0, "")]
    [InlineData(3, "3")]
    [InlineData(7, "3, 7 ,2")]
    [InlineData(7, "3", "7", "x")]
    [InlineData(0, "-1")]
    [InlineData(0, "0x9")]
    [InlineData(0, "99999999999999999999")]
    public void The_highest_number_of_all_lines_counts(int expected, params string[] lines) => Assert.Equal(expected, HopCount.Of(lines));
}
