using System.Net;
using EdgeProxy.Configuration;
using EdgeProxy.Resilience;
using Xunit;

namespace EdgeProxy.Tests.Resilience;

/// <summary>The exact bounds of retries: time, budget, and what a response asks for.</summary>
public sealed class RetryBoundsTests
{
    [Theory]
    [InlineData(9, null, "deadline")]
    [InlineData(10, 0, null)]
    public void An_attempt_needs_ten_milliseconds_beyond_its_wait(int spare, int? wait, string? skipped)
    {
        var asked = TimeSpan.FromMilliseconds(200);
        var question = new RetryQuestion
        {
            Class = RetryClass.Unknown,
            IsIdempotent = true,
            CanSendBody = true,
            Made = 1,
            Asked = asked,
            Left = asked + TimeSpan.FromMilliseconds(spare),
        };

        var decision = RetryDecision.Of(new RetrySettings { Attempts = 2 }, question);

        Assert.Equal(wait is null ? null : asked, decision.Wait);
        Assert.Equal(skipped, decision.Skipped);
    }

    [Fact]
    public void A_budget_forgets_all_of_a_second_that_is_ten_seconds_old()
    {
        var budget = new RetryBudget(new RetryBudgetSettings(0.5, 0));
        for (var i = 0; i < 100; i++)
        {
            budget.Deposit(TimeSpan.FromSeconds(7));
        }

        Assert.False(budget.TryWithdraw(TimeSpan.FromSeconds(26)));
        budget.Deposit(TimeSpan.FromSeconds(26));
        budget.Deposit(TimeSpan.FromSeconds(26));
        Assert.True(budget.TryWithdraw(TimeSpan.FromSeconds(26)));
        Assert.False(budget.TryWithdraw(TimeSpan.FromSeconds(26)));
    }

    [Theory]
    [InlineData("3", true)]
    [InlineData("1", false)]
    [InlineData(null, false)]
    public void A_gRPC_call_that_an_edge_behind_has_tried_several_times_is_not_tried_again(string? attempts, bool isEnough)
    {
        using var response = new HttpResponseMessage(HttpStatusCode.OK) { Version = HttpVersion.Version20 };
        response.Headers.TryAddWithoutValidation("grpc-status", "14");
        if (attempts is not null)
        {
            response.Headers.TryAddWithoutValidation(EdgeFields.AttemptCount, attempts);
        }

        var end = AttemptEnd.Of(response, new RetrySettings(), DateTimeOffset.UnixEpoch);

        Assert.Equal(RetryClass.Unknown, end.Class);
        Assert.Equal(isEnough, end.Asked < TimeSpan.Zero);
    }

    [Fact]
    public void A_destination_that_is_Down_is_none_of_those_that_may_be_ejected()
    {
        DestinationSettings down = new() { State = DestinationMode.Down };
        var (cluster, destinations) = Clusters.Of([new(), new(), new(), down, down, down]);

        var survey = DestinationSurvey.Of(cluster, destinations[0], TimeSpan.Zero);

        Assert.Equal(3, survey.Up);
    }
}
