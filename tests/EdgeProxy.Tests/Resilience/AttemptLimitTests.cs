using EdgeProxy.Configuration;
using EdgeProxy.Resilience;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.Tests.Resilience;

/// <summary>What an attempt's time is spent on.</summary>
public sealed class AttemptLimitTests
{
    private readonly RecordedTimers _time = new();

    [Theory]
    [InlineData(false, 0.4)]
    [InlineData(true, 1)]
    public void A_kept_body_takes_its_part_of_PerTry_and_one_that_streams_takes_none(bool streams, double left)
    {
        var context = new DefaultHttpContext();
        context.Request.Body = streams ? new BufferedStream(new MemoryStream([1])) : new MemoryStream([1]);
        var upload = Upload.Begin(context, _time, CancellationToken.None);
        using var limit = AttemptLimit.Begin(
            new TimeoutSettings { PerTry = TimeSpan.FromSeconds(1) }, _time, null, upload, CancellationToken.None)!;
        Assert.Equal(streams ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(1), _time.Set[^1]);

        _time.Micros += 600_000;
        limit.BodyIsThrough();

        Assert.Equal(TimeSpan.FromSeconds(left), _time.Set[^1]);
    }

    private sealed class RecordedTimers : TimeProvider
    {
        public long Micros { get; set; } = 1_000_000;

        public List<TimeSpan> Set { get; } = [];

        public override long TimestampFrequency => 1_000_000;

        public override long GetTimestamp() => Micros;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Set.Add(dueTime);
            return new Timer(this);
        }

        private sealed class Timer(RecordedTimers timers) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                timers.Set.Add(dueTime);
                return true;
            }

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
