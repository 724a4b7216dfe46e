using System.IO.Pipelines;

namespace EdgeProxy.Requests;

/// <summary>
/// A request's body that may not grow beyond a bound, nor trickle. Only the time that a read waits for the client counts:
/// an upstream that reads slowly is not the client's fault. One timer an upload, and only once the client has kept us waiting.
/// </summary>
internal sealed class UploadStream(Stream body, PipeReader source, long limit, TimeProvider time) : Stream
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

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = body.ReadAsync(buffer, cancellationToken);
        return read.IsCompletedSuccessfully ? new ValueTask<int>(Count(read.Result)) : WaitAsync(read);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Bodies are read asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _timer?.Dispose();
        base.Dispose(disposing);
    }

    private async ValueTask<int> WaitAsync(ValueTask<int> read)
    {
        var since = time.GetTimestamp();
        Volatile.Write(ref _waitingSince, since);
        _timer ??= time.CreateTimer(static upload => ((UploadStream)upload!).CheckPace(), this, Look, Look);
        try
        {
            return Count(await read);
        }
        catch (OperationCanceledException) when (_isTooSlow)
        {
            throw new BadHttpRequestException("The body arrives too slowly.", StatusCodes.Status408RequestTimeout);
        }
        finally
        {
            Volatile.Write(ref _waitingSince, 0);
            Volatile.Write(ref _waitedTicks, _waitedTicks + time.GetElapsedTime(since).Ticks);
        }
    }

    private int Count(int bytes)
    {
        if ((_bytes += bytes) > limit)
        {
            throw new BadHttpRequestException("The body is too large.", StatusCodes.Status413PayloadTooLarge);
        }

        return bytes;
    }

    private void CheckPace()
    {
        var since = Volatile.Read(ref _waitingSince);
        if (since == 0)
        {
            return;
        }

        var waiting = time.GetElapsedTime(since);
        var waited = TimeSpan.FromTicks(Volatile.Read(ref _waitedTicks)) + waiting;
        if (waiting >= Idle || (waited >= Grace && Volatile.Read(ref _bytes) < waited.TotalSeconds * BytesPerSecond))
        {
            _isTooSlow = true;
            source.CancelPendingRead();
        }
    }
}
