using System.IO.Pipelines;
using EdgeProxy.Connections;
using Microsoft.AspNetCore.Connections;
using Xunit;

namespace EdgeProxy.Tests.Connections;

public sealed class EndingsTests
{
    private const int Many = 1000;

    [Fact]
    public async Task Who_has_work_to_do_does_not_wait_behind_all_connections_that_end_in_one_moment()
    {
        var endings = new Endings(TimeProvider.System);
        var least = Many;
        for (var round = 0; round < 20; round++) // the system may stop the thread that counts, but not each time
        {
            var ends = Enumerable.Range(0, Many).Select(_ => endings.WaitAsync()).ToArray();
            var work = Task.Run(() => ends.Count(end => end.IsCompleted));
            await Task.WhenAll(ends);
            least = Math.Min(least, await work);
        }

        Assert.InRange(least, 0, Many / 2);
    }

    [Fact]
    public async Task What_comes_and_goes_is_passed_on_at_once_and_so_is_its_end_by_and_by()
    {
        var endings = new Endings(TimeProvider.System);
        var (client, connection) = Connect();
        var over = new TaskCompletionSource();
        var serving = endings.OnConnectionAsync(connection, _ => over.Task);

        var reading = connection.Transport.Input.ReadAsync().AsTask();
        await client.Output.WriteAsync("in"u8.ToArray());
        var read = await reading;
        Assert.Equal(2, read.Buffer.Length);
        connection.Transport.Input.AdvanceTo(read.Buffer.End);
        Assert.True(connection.Transport.Output.WriteAsync("out"u8.ToArray()).AsTask().IsCompletedSuccessfully);
        Assert.Equal(3, (await client.Input.ReadAsync()).Buffer.Length);

        reading = connection.Transport.Input.ReadAsync().AsTask();
        connection.Transport.Input.CancelPendingRead();
        read = await reading;
        Assert.True(read.IsCanceled);
        connection.Transport.Input.AdvanceTo(read.Buffer.End);
        await client.Output.CompleteAsync(new IOException("gone"));
        await Assert.ThrowsAsync<IOException>(async () => await connection.Transport.Input.ReadAsync());
        over.SetResult();
        await serving;
    }

    [Fact]
    public async Task A_client_that_does_not_read_and_goes_is_seen_to_have_gone()
    {
        var endings = new Endings(TimeProvider.System);
        var (client, connection) = Connect();
        using var gone = new CancellationTokenSource();
        connection.ConnectionClosed = gone.Token;
        var over = new TaskCompletionSource();
        var serving = endings.OnConnectionAsync(connection, _ => over.Task);
        var writing = connection.Transport.Output.WriteAsync(new byte[1 << 20]).AsTask();
        Assert.False(writing.IsCompleted);

        await client.Input.CompleteAsync();
        await gone.CancelAsync();

        Assert.True((await writing).IsCompleted);
        var seen = new TaskCompletionSource();
        await using var told = connection.ConnectionClosed.UnsafeRegister(static seen => ((TaskCompletionSource)seen!).SetResult(), seen);
        await seen.Task;
        over.SetResult();
        await serving;
    }

    private static (IDuplexPipe Client, DefaultConnectionContext Connection) Connect()
    {
        var (up, down) = (new Pipe(), new Pipe());
        return (new Ends(down.Reader, up.Writer), new DefaultConnectionContext("c", new Ends(up.Reader, down.Writer), null!));
    }

    private sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
