using System.Diagnostics.Metrics;
using EdgeProxy.Configuration;
using EdgeProxy.Fallbacks;
using EdgeProxy.Resilience;
using EdgeProxy.Tests.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace EdgeProxy.Tests.Fallbacks;

/// <summary>What an answer is to a fallback whose rest was late.</summary>
public sealed class FallbackTriggerTests
{
    [Theory]
    [InlineData(false, false, false)]
    [InlineData(true, false, true)]
    [InlineData(true, true, false)] // it came after it had counted, and before anybody gave it up
    [InlineData(false, true, false)]
    public void An_answer_is_a_timeout_when_its_rest_is_overdue_and_has_not_come(bool isOverdue, bool isWhole, bool isTimeout)
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var breakers = new Breakers(
            services,
            new BreakerMetrics(services.GetRequiredService<IMeterFactory>(), services),
            new ManualTime(),
            new Random(7),
            NullLogger<Breakers>.Instance);
        using var answer = new HttpResponseMessage();
        var rest = new OverdueAnswer(AttemptPass.None, output: null, breakers);
        if (isOverdue)
        {
            rest.Count();
        }

        if (isWhole)
        {
            rest.End();
        }

        Assert.Equal(isTimeout ? FallbackCause.Timeout : FallbackCause.Status, FallbackTrigger.Of(answer, rest).Cause);
        Assert.Equal(isOverdue, rest.IsCounted);
    }
}
