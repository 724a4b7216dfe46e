using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using EdgeProxy.Errors;

namespace EdgeProxy.Resilience;

/// <summary>
/// The byte stream of one HTTP/1.1 connection to a destination, above TLS. It does two things that the platform's client does not:
/// a connection that closes before a byte of the answer fails as such, where the client would send the request up to three times
/// more on its own; and an answer that comes while the body is still being sent ends the upload instead of being waited out.
/// </summary>
internal sealed class UpstreamStream(Stream inner) : Stream
{
    /// <summary>Buffer for an answer that comes while nobody else reads. Heads are longer; what follows is read as usual.</summary>
    private const int HeadBytes = 4096;

    /// <summary>The client reads heads into buffers of a few KiB, and bodies into larger ones, which need no room for the mark.</summary>
    private const int LargestHeadBuffer = 16 * 1024;

    /// <summary>A request has been begun and no byte of its final answer has come.</summary>
    private volatile bool _awaiting;

    /// <summary>Writes go nowhere: the destination has answered and wants no more.</summary>
    private volatile bool _deaf;

    /// <summary>The destination has changed to another protocol: bytes pass as they are, and an end is no failed answer.</summary>
    private volatile bool _switched;

    private bool _answered;
    private bool _reused;
    private volatile Upload? _upload;
    private volatile bool _reading;
    private volatile bool _writing;

    private Task? _early;
    private byte[]? _earlyBytes;
    private int _earlyAt;
    private int _earlyEnd;
    private ExceptionDispatchInfo? _earlyFault;

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_switched)
        {
            return inner.WriteAsync(buffer, cancellationToken);
        }

        var upload = Upload.Current;
        if (upload is null ? !_awaiting : upload != _upload)
        {
            BeginRequest(upload);
        }

        if (upload is not null)
        {
            return WriteUploadAsync(upload, buffer);
        }

        var write = inner.WriteAsync(buffer, cancellationToken);
        return write.IsCompletedSuccessfully ? write : AwaitWrite(write);
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_early is not null)
        {
            return TakeEarlyAsync(buffer, cancellationToken);
        }

        if (_switched)
        {
            return inner.ReadAsync(buffer, cancellationToken);
        }

        _reading = true;
        return ReadCheckedAsync(buffer, cancellationToken);
    }

    private void BeginRequest(Upload? upload)
    {
        _reused = _answered;
        _upload = upload;
        _awaiting = true;
        if (upload is not null && !_reading)
        {
            _early = ReadEarlyAsync();
        }
    }

    private async ValueTask AwaitWrite(ValueTask write)
    {
        try
        {
            await write;
        }
        catch (IOException exception) when (_awaiting)
        {
            throw new UpstreamClosedException(_reused, exception);
        }
    }

    private async ValueTask WriteUploadAsync(Upload upload, ReadOnlyMemory<byte> buffer)
    {
        if (_deaf)
        {
            return;
        }

        _writing = true;
        try
        {
            await inner.WriteAsync(buffer, upload.Ended);
        }
        catch (OperationCanceledException) when (upload.EndedEarly)
        {
            // Dropped, as all that follows: the answer has ended the upload.
        }
        catch (IOException exception)
        {
            // A destination that answers and closes breaks the upload first; the answer may be right behind.
            await upload.HeadKnown.WaitAsync(upload.Ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_awaiting)
            {
                upload.WasCutOff = true; // whoever copies keeps that to itself, and says later that the body was too short
                throw new UpstreamClosedException(_reused, exception);
            }

            _deaf = true;
        }
        finally
        {
            _writing = false;
        }
    }

    /// <summary>Reads the beginning of the answer while the body is being sent.</summary>
    private async Task ReadEarlyAsync()
    {
        _earlyBytes = ArrayPool<byte>.Shared.Rent(HeadBytes);
        try
        {
            _earlyEnd = await ReadCheckedAsync(_earlyBytes.AsMemory(0, HeadBytes), CancellationToken.None);
        }
        catch (Exception exception)
        {
            _earlyFault = ExceptionDispatchInfo.Capture(exception); // for whoever reads next
        }
    }

    private async ValueTask<int> TakeEarlyAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        await _early!.WaitAsync(cancellationToken);
        _earlyFault?.Throw();
        var count = Math.Min(buffer.Length, _earlyEnd - _earlyAt);
        _earlyBytes.AsSpan(_earlyAt, count).CopyTo(buffer.Span);
        _earlyAt += count;
        if (_earlyAt == _earlyEnd)
        {
            var bytes = _earlyBytes!;
            (_early, _earlyBytes, _earlyAt, _earlyEnd) = (null, null, 0, 0);
            ArrayPool<byte>.Shared.Return(bytes);
        }

        return count;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadCheckedAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            var isHead = buffer.Length is > HeadBytes / 4 and <= LargestHeadBuffer;
            var count = await inner.ReadAsync(isHead ? buffer[..^AnswerHead.MarkLength] : buffer, cancellationToken);
            return _awaiting && buffer.Length > 0 ? Take(buffer.Span, count) : count;
        }
        catch (IOException exception) when (_awaiting && exception is not UpstreamClosedException)
        {
            _upload?.MarkHeadKnown();
            throw new UpstreamClosedException(_reused, exception);
        }
        finally
        {
            _reading = false;
        }
    }

    /// <summary>The first bytes of an answer, or its end.</summary>
    private int Take(Span<byte> buffer, int count)
    {
        if (count == 0)
        {
            _upload?.MarkHeadKnown();
            throw new UpstreamClosedException(_reused);
        }

        _answered = true;
        var status = AnswerHead.FinalStatus(buffer[..count], out var fields);
        _switched = status == AnswerHead.SwitchingProtocols;
        if (_switched || _upload is not { } upload)
        {
            _awaiting = false;
            _upload?.MarkHeadKnown();
            return count;
        }

        var isUnderWay = !upload.IsComplete || _writing;
        _awaiting = status == 0 && isUnderWay;
        if (status < 300 || !isUnderWay || count + AnswerHead.MarkLength > buffer.Length)
        {
            // The answer to a whole request, an interim one, or one given while the request is read, as by an echo.
            if (!_awaiting)
            {
                upload.MarkHeadKnown();
            }

            return count;
        }

        _deaf = true;
        upload.EndEarly();
        return AnswerHead.MarkClosing(buffer, count, fields);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) =>
        _deaf ? Task.CompletedTask : inner.FlushAsync(cancellationToken);

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

    public override bool CanRead => inner.CanRead;

    public override bool CanSeek => false;

    public override bool CanWrite => inner.CanWrite;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _upload?.MarkHeadKnown();
        inner.Dispose();
        base.Dispose(disposing);
    }
}
