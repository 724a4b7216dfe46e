using System.Diagnostics.Metrics;
using EdgeProxy.AccessLog;
using EdgeProxy.Configuration;
using EdgeProxy.Tests.Configuration;
using EdgeProxy.Tests.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace EdgeProxy.Tests.AccessLog;

public sealed class RequestRecorderTests
{
    private static readonly IMeterFactory Meters =
        new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>();

    [Theory, InlineData(""), InlineData("secret-token")]
    public void Where_nobody_wants_to_know_nothing_is_made(string token)
    {
        var revision = Configurations.Read(Configurations.Document()).Revision!;
        revision = revision with { Edge = revision.Edge with { Admin = new AdminOptions { Token = token } } };
        var time = new ManualTime();
        var tokens = new DecisionTokens(new Revisions(revision), Meters, time, NullLogger<DecisionTokens>.Instance);
        var recorder = new RequestRecorder(tokens, new AccessLogQueue(Meters), time);
        var context = new DefaultHttpContext();
        context.Request.Headers["X-Other"] = "1";
        Assert.Null(recorder.Begin(context, revision));

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            recorder.Begin(context, revision);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void What_has_no_room_is_dropped_and_counted()
    {
        var queue = new AccessLogQueue(Meters);
        var lines = 0;
        while (queue.HasRoom())
        {
            queue.Add(new byte[1000]);
            lines++;
        }

        Assert.InRange(lines, AccessLogQueue.BytesMax / 1000, (AccessLogQueue.BytesMax / 1000) + 1);
        Assert.Equal(1, queue.TakeDropped());
        Assert.Equal(0, queue.TakeDropped());
        Assert.True(queue.TryTake(out _));
        Assert.True(queue.HasRoom());
    }
}
