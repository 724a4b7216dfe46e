using EdgeProxy.Tests.Configuration;
using EdgeProxy.Yarp;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Xunit;

namespace EdgeProxy.Tests.Yarp;

/// <summary>A client chooses what a pattern is tried on: it takes no thread with it.</summary>
public sealed class RegexConstraintTests
{
    [Theory]
    [InlineData("^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")]
    [InlineData("^(a|aa)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")]
    [InlineData("^(.*a){12}$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")]
    [InlineData("^(.*?,){11}P", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1")]
    public void A_pattern_decides_in_time_with_the_value_however_it_is_written(string pattern, string value)
    {
        var constraint = new RegexConstraint(pattern, TimeProvider.System);

        Assert.False(constraint.Backtracks);
        Assert.False(IsMatch(constraint, value)); // an exception after a second otherwise
    }

    [Theory]
    [InlineData("^[a-z]+$", "Abc", true)]
    [InlineData("^[a-z]+$", "ab1", false)]
    [InlineData("^(?!api$).*$", "other", true)]
    [InlineData("^(?!api$).*$", "API", false)]
    [InlineData("^(.)\\1$", "xx", true)]
    public void What_matched_before_matches(string pattern, string value, bool isMatch) =>
        Assert.Equal(isMatch, IsMatch(new RegexConstraint(pattern, TimeProvider.System), value));

    [Fact]
    public void A_value_that_backtracking_cannot_decide_on_in_time_is_refused_and_no_other_value()
    {
        var constraint = new RegexConstraint("^(?=a)(a+)+$", TimeProvider.System);
        Assert.True(constraint.Backtracks);

        for (var i = 0; i < 3; i++)
        {
            var refused = Assert.Throws<BadHttpRequestException>(() => IsMatch(constraint, new string('a', 40) + "!"));
            Assert.Equal(400, refused.StatusCode);
        }

        Assert.True(IsMatch(constraint, "aaa"));
        Assert.False(IsMatch(constraint, "b"));
    }

    [Fact]
    public void Values_that_take_long_get_a_bounded_part_of_each_second()
    {
        var time = new StandingClock();
        var constraint = new RegexConstraint("^(?=a)(a+)+$", time);
        var hostile = new string('a', 40) + "!";
        time.Begin();

        var tried = 0;
        while (time.Refused < 3 && tried < 10_000)
        {
            tried++;
            Assert.Throws<BadHttpRequestException>(() => IsMatch(constraint, hostile));
            time.NoteAttempt();
        }

        Assert.InRange(tried, 1, 100);
        time.NextSecond();
        Assert.True(IsMatch(constraint, "aaa"));
    }

    [Theory]
    [InlineData("^(a+)+$", false)]
    [InlineData("^(?=a)a$", true)]
    public void A_pattern_that_backtracks_is_warned_of(string pattern, bool isWarned)
    {
        var read = Configurations.Read(Configurations.Document().Replace(
            "/{**rest}", "/x/{id:regex(" + pattern.Replace("\\", "\\\\", StringComparison.Ordinal) + ")}", StringComparison.Ordinal));

        Assert.NotNull(read.Revision);
        Assert.Equal(isWarned ? ["backtracking_regex"] : [], read.Faults.Select(fault => fault.Code));
    }

    private static bool IsMatch(RegexConstraint constraint, string value) =>
        constraint.Match(null, null, "id", new RouteValueDictionary { ["id"] = value }, RouteDirection.IncomingRequest);

    /// <summary>Each try takes 100 ms by this clock; a try that asks for no time was refused at once.</summary>
    private sealed class StandingClock : TimeProvider
    {
        private long _now;
        private int _asked;

        public int Refused { get; private set; }

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp()
        {
            _asked++;
            return _asked % 2 == 0 ? _now += 10 : _now;
        }

        public void NoteAttempt()
        {
            Refused += _asked % 2 == 0 ? 0 : 1;
            Begin();
        }

        public void Begin() => _asked = 0;

        public void NextSecond() => _now += 2000;
    }
}
