using System.Buffers;
using System.IO.Pipelines;

namespace EdgeProxy.Requests;

/// <summary>
/// A request's body that may not grow beyond a bound, nor trickle. Only the time that a read waits for the client counts:
/// an upstream that reads slowly is not the client's fault. One timer an upload, and only once the client has kept us waiting.
/// </summary>
internal sealed class UploadStream(PipeReader source, long limit, EdgeContext edge, TimeProvider time) : BodyStream, IReceivedBody
{
    /// <summary>Fewest bytes a second, measured over all the time waited once <see cref="Grace"/> is used up.</summary>
    public const int BytesPerSecond = 240;

    /// <summary>Time that a client may make the edge wait before its rate is looked at.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    /// <summary>Longest wait for the next byte, however fast the ones before it came.</summary>
    public static readonly TimeSpan Idle = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private ITimer? _timer;
    private long _bytes;
    private long _waitedTicks;
    private long _waitingSince;
    private volatile bool _isTooSlow;
    private volatile bool _isBounded = true;

    /// <summary>What is wrong with the body once all of it is here: its trailers. Null: nothing.</summary>
    public Func<BadHttpRequestException?>? AtEnd { private get; init; }

    /// <summary>Whether size and pace are bounded from the first byte. Default true; <see cref="Bound"/> makes it so later.</summary>
    public bool IsBounded
    {
        init => _isBounded = value;
    }

    /// <summary>How long the client may be waited for in all; null: as long as its pace holds.</summary>
    public TimeSpan? Longest { private get; init; }

    public TimeSpan WaitedForClient => Volatile.Read(ref _waitingSince) is var since and not 0 && _isBounded
        ? TimeSpan.FromTicks(Volatile.Read(ref _waitedTicks)) + time.GetElapsedTime(since)
        : TimeSpan.Zero;

    public void GiveWay()
    {
        if (Volatile.Read(ref _waitingSince) != 0)
        {
            _isTooSlow = true;
            Wake();
        }
    }

    /// <summary>Bounds size and pace from now on. What has been read counts.</summary>
    public void Bound() => _isBounded = true;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }

        var read = source.ReadAsync(CancellationToken.None);
        return read.IsCompletedSuccessfully
            ? new ValueTask<int>(Take(read.Result, buffer.Span))
            : WaitAsync(read, buffer, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        _timer?.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>
    /// A read that its token ends leaves the server's reader in the middle of it: on HTTP/1.1 the server then cannot read the rest of the
    /// body, logs that as an error, and ends the connection. So the read is woken instead, and completed.
    /// </summary>
    private async ValueTask<int> WaitAsync(ValueTask<ReadResult> read, Memory<byte> buffer, CancellationToken cancellation)
    {
        var since = time.GetTimestamp();
        Volatile.Write(ref _waitingSince, since);
        _timer ??= time.CreateTimer(static upload => ((UploadStream)upload!).CheckPace(), this, Look, Look);
        await using var given = cancellation.UnsafeRegister(static upload => ((UploadStream)upload!).Wake(), this);
        try
        {
            return Take(await read, buffer.Span);
        }
        catch (OperationCanceledException) when (_isTooSlow)
        {
            throw TooSlow();
        }
        catch (Exception exception) when (exception is InvalidOperationException or IOException { InnerException: OverflowException })
        {
            // The server's words for a trailer with a NUL in it, and for a chunk longer than any number; the client is still there.
            throw new BadHttpRequestException("The body is malformed.", StatusCodes.Status400BadRequest, exception);
        }
        finally
        {
            var until = time.GetTimestamp();
            Volatile.Write(ref _waitingSince, 0);
            Volatile.Write(ref _waitedTicks, _waitedTicks + time.GetElapsedTime(since, until).Ticks);
            if (_isBounded)
            {
                edge.WaitedForClient(until - since); // on a stream that both sides write to, nobody is slow
            }
        }
    }

    private int Take(ReadResult result, Span<byte> buffer)
    {
        if (result.IsCanceled)
        {
            source.AdvanceTo(result.Buffer.Start);
            throw _isTooSlow ? TooSlow() : new OperationCanceledException("The body is not waited for any more.");
        }

        var count = (int)Math.Min(result.Buffer.Length, buffer.Length);
        var taken = result.Buffer.Slice(0, count);
        taken.CopyTo(buffer);
        source.AdvanceTo(taken.End); // what was taken is the server's again
        edge.BytesIn += count;
        if ((_bytes += count) > limit && _isBounded)
        {
            throw new BadHttpRequestException("The body is too large.", StatusCodes.Status413PayloadTooLarge);
        }

        return count == 0 && result.IsCompleted && AtEnd?.Invoke() is { } error ? throw error : count;
    }

    private static BadHttpRequestException TooSlow() => new("The body arrives too slowly.", StatusCodes.Status408RequestTimeout);

    private void CheckPace()
    {
        var since = Volatile.Read(ref _waitingSince);
        if (since == 0 || !_isBounded)
        {
            return;
        }

        var waiting = time.GetElapsedTime(since);
        var waited = TimeSpan.FromTicks(Volatile.Read(ref _waitedTicks)) + waiting;
        if (waiting >= Idle || waited >= Longest || (waited >= Grace && Volatile.Read(ref _bytes) < waited.TotalSeconds * BytesPerSecond))
        {
            _isTooSlow = true;
            Wake();
        }
    }

    /// <summary>
    /// Ends the read that waits. A body that the server has already ended (a reset stream, a connection at fault) throws here, though the
    /// read that waits throws the same; from a timer that would end the process.
    /// </summary>
    private void Wake()
    {
        try
        {
            source.CancelPendingRead();
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The read that waits tells it.
        }
    }
}
