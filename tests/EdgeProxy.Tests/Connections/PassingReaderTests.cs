using System.IO.Pipelines;
using System.Runtime.InteropServices;
using System.Text;
using EdgeProxy.Connections;
using Xunit;

namespace EdgeProxy.Tests.Connections;

/// <summary>A read that passes through gives what the pipe gives, whether it waited or not, and however it ends.</summary>
public sealed class PassingReaderTests
{
    private readonly Pipe _pipe = new();
    private readonly Upper _reader;

    public PassingReaderTests() => _reader = new Upper(_pipe.Reader);

    [Fact]
    public async Task Reads_pass_one_after_the_other_whether_they_waited_or_not()
    {
        for (var i = 0; i < 100; i++)
        {
            var isAhead = i % 3 == 0;
            var early = isAhead ? default : _reader.ReadAsync(TestContext.Current.CancellationToken);
            await _pipe.Writer.WriteAsync(Encoding.ASCII.GetBytes($"a{i}"), TestContext.Current.CancellationToken);
            var read = await (isAhead ? _reader.ReadAsync(TestContext.Current.CancellationToken) : early);

            Assert.Equal($"A{i}", Encoding.ASCII.GetString(read.Buffer));
            _reader.AdvanceTo(read.Buffer.End);
        }
    }

    [Fact]
    public async Task A_read_that_waits_ends_with_its_token()
    {
        using var cancellation = new CancellationTokenSource();
        var reading = _reader.ReadAsync(cancellation.Token);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await reading);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_read_fails_with_the_error_of_the_pipe(bool waits)
    {
        var reading = waits ? _reader.ReadAsync(TestContext.Current.CancellationToken) : default;
        await _pipe.Writer.CompleteAsync(new IOException("reset"));

        var error = await Assert.ThrowsAsync<IOException>(async () =>
            await (waits ? reading : _reader.ReadAsync(TestContext.Current.CancellationToken)));

        Assert.Equal("reset", error.Message);
    }

    [Fact]
    public async Task A_read_that_waits_is_woken()
    {
        var reading = _reader.ReadAsync(TestContext.Current.CancellationToken);

        _reader.CancelPendingRead();

        Assert.True((await reading).IsCanceled);
    }

    private sealed class Upper(PipeReader inner) : PassingReader(inner)
    {
        protected override ValueTask<ReadResult> PassAsync(ReadResult read)
        {
            foreach (var segment in read.Buffer)
            {
                Ascii.ToUpperInPlace(MemoryMarshal.AsMemory(segment).Span, out _);
            }

            return new(read);
        }
    }
}
