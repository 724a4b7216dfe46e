using System.IO.Pipelines;
using System.Text;
using EdgeProxy.Connections;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace EdgeProxy.Tests.Connections;

public sealed class ProtocolChoiceTests
{
    [Fact]
    public async Task Each_further_byte_of_a_preface_wins_no_time()
    {
        var clock = new TimerCount();
        var input = new Pipe(new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline));
        var chosen = new TaskCompletionSource();
        var choice = new ProtocolChoice(
            _ =>
            {
                chosen.SetResult();
                return Task.CompletedTask;
            },
            new KestrelServerLimits(),
            _ => Task.CompletedTask,
            clock);
        var running = choice.OnConnectionAsync(new DefaultConnectionContext("id", new Duplex(input.Reader), new Duplex(input.Reader)));
        foreach (var one in "PRI * HTTP/2.0\r\n\r\nSM\r\n\r"u8.ToArray())
        {
            await input.Writer.WriteAsync(new[] { one }, TestContext.Current.CancellationToken);
            Assert.False(chosen.Task.IsCompleted);
        }

        // Once for a first byte, and once for all that follow.
        Assert.Equal([TimeSpan.FromSeconds(130), TimeSpan.FromSeconds(30)], clock.Armed);
        await input.Writer.CompleteAsync();
        await running;
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("", false)]
    [InlineData("PRI", false)]
    public async Task A_connection_that_is_reset_before_its_protocol_is_known_just_ends(string sent, bool isReset)
    {
        var input = new Pipe();
        var choice = new ProtocolChoice(
            _ => throw new InvalidOperationException("no choice"), new KestrelServerLimits(), _ => Task.CompletedTask, new TimerCount());
        var connection = new DefaultConnectionContext("id", new Duplex(input.Reader), new Duplex(input.Reader));
        var running = isReset ? Task.CompletedTask : choice.OnConnectionAsync(connection);
        if (sent.Length > 0)
        {
            await input.Writer.WriteAsync(Encoding.ASCII.GetBytes(sent), TestContext.Current.CancellationToken);
        }

        await input.Writer.CompleteAsync(new ConnectionResetException("Connection reset by peer"));
        await (isReset ? choice.OnConnectionAsync(connection) : running);
    }

    [Theory]
    [InlineData("P", true)]
    [InlineData("PRI * HTTP", true)]
    [InlineData("PRI * HTTP", false)]
    public async Task A_beginning_that_does_not_go_on_is_given_up(string sent, bool isChoice)
    {
        var input = new Pipe();
        var overdue = 0;
        var limits = new KestrelServerLimits { RequestHeadersTimeout = TimeSpan.FromMilliseconds(20) };
        var choice = new ProtocolChoice(
            _ => throw new InvalidOperationException("no choice"),
            limits,
            _ =>
            {
                overdue++;
                return Task.CompletedTask;
            },
            TimeProvider.System);
        var connection = new DefaultConnectionContext("id", new Duplex(input.Reader), new Duplex(input.Reader));
        await input.Writer.WriteAsync(Encoding.ASCII.GetBytes(sent), TestContext.Current.CancellationToken);

        await (isChoice ? choice.OnConnectionAsync(connection) : choice.OnHttp2Async(connection));

        Assert.Equal(isChoice ? 1 : 0, overdue);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("PRI * HTTP", true)]
    public async Task A_drain_ends_the_wait_for_a_protocol(string sent, bool isServed)
    {
        var input = new Pipe();
        var served = false;
        var choice = new ProtocolChoice(
            _ =>
            {
                served = true;
                return Task.CompletedTask;
            },
            new KestrelServerLimits(),
            _ => Task.CompletedTask,
            new TimerCount());
        var connection = new DefaultConnectionContext("id", new Duplex(input.Reader), new Duplex(input.Reader));
        using var drain = new Drain();
        connection.Features.Set<IConnectionLifetimeNotificationFeature>(drain);
        await input.Writer.WriteAsync(Encoding.ASCII.GetBytes(sent), TestContext.Current.CancellationToken);
        var running = choice.OnConnectionAsync(connection);
        Assert.False(running.IsCompleted);

        drain.RequestClose();

        await running.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal(isServed, served);
    }

    private sealed class Drain : IConnectionLifetimeNotificationFeature, IDisposable
    {
        private readonly CancellationTokenSource _begun = new();

        public CancellationToken ConnectionClosedRequested { get => _begun.Token; set => throw new NotSupportedException(); }

        public void RequestClose() => _begun.Cancel();

        public void Dispose() => _begun.Dispose();
    }

    private sealed class Duplex(PipeReader input) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => throw new NotSupportedException();
    }

    /// <summary>Timers that never fire, and what they were set to.</summary>
    private sealed class TimerCount : TimeProvider
    {
        public List<TimeSpan> Armed { get; } = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Armed.Add(dueTime);
            return new Timer(this);
        }

        private sealed class Timer(TimerCount clock) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                clock.Armed.Add(dueTime);
                return true;
            }

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
