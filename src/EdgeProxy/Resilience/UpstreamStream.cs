using System.Runtime.CompilerServices;
using EdgeProxy.Errors;

namespace EdgeProxy.Resilience;

/// <summary>
/// The byte stream of one HTTP/1.1 connection to a destination, above TLS. It does two things that the platform's client does not:
/// a connection that closes before a byte of the answer fails as such, where the client would send the request up to three times
/// more on its own; and an answer that comes while the body is still being sent ends the upload instead of being waited out.
/// </summary>
internal sealed class UpstreamStream(Stream inner) : ConnectionStream(inner)
{
    /// <summary>Buffer for an answer that comes while nobody else reads. Heads are longer; what follows is read as usual.</summary>
    private const int HeadBytes = 4096;

    /// <summary>What comes before a final answer, and is kept while nobody else reads: as much as the client takes in heads.</summary>
    private const int EarlyBytesMax = 64 * 1024;

    /// <summary>The client reads heads into buffers of a few KiB, and bodies into larger ones, which need no room for the mark.</summary>
    private const int LargestHeadBuffer = 16 * 1024;

    private readonly Lock _sync = new();

    /// <summary>A request has been begun, and the status of its final answer has not come.</summary>
    private volatile bool _awaiting;

    /// <summary>Writes go nowhere: the destination has answered and wants no more.</summary>
    private volatile bool _deaf;

    /// <summary>The destination has changed to another protocol: bytes pass as they are, and an end is no failed answer.</summary>
    private volatile bool _switched;

    private AnswerHead _head;
    private HttpRequestMessage? _request;
    private bool _heard; // a byte of an answer to this request
    private bool _answered; // an earlier one
    private bool _reused;
    private volatile Upload? _upload;
    private volatile bool _reading;
    private volatile bool _writing;
    private volatile bool _earlyIsWanted;

    private Task? _early;
    private EarlyBytes? _earlyBytes;

    private bool IsUnderWay => _upload is { } upload && (!upload.IsComplete || _writing);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_switched)
        {
            return Inner.WriteAsync(buffer, cancellationToken);
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

        var write = Inner.WriteAsync(buffer, cancellationToken);
        return write.IsCompletedSuccessfully ? write : AwaitWrite(write);
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_switched && _early is null)
        {
            return Inner.ReadAsync(buffer, cancellationToken);
        }

        if (_upload is null && _early is null)
        {
            _reading = true;
            return ReadCheckedAsync(buffer, cancellationToken);
        }

        lock (_sync)
        {
            if (_early is not null)
            {
                _earlyIsWanted = true;
                return TakeEarlyAsync(_earlyBytes!, _early, buffer, cancellationToken);
            }

            _reading = true;
        }

        return ReadCheckedAsync(buffer, cancellationToken);
    }

    private void BeginRequest(Upload? upload)
    {
        (_reused, _heard, _head) = (_answered, false, default);
        (_request, _upload) = (WaitingRequest.Take(), upload);
        _awaiting = true;
        if (upload is not null)
        {
            upload.MarkHttp1();
            ReadEarly();
        }
    }

    /// <summary>While a body is being sent, nobody else reads.</summary>
    private void ReadEarly()
    {
        if (_awaiting && _early is null && !_reading)
        {
            lock (_sync)
            {
                if (_early is null && !_reading)
                {
                    _earlyIsWanted = false;
                    _early = ReadEarlyAsync(_earlyBytes = new EarlyBytes());
                }
            }
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
            throw Closed(exception);
        }
    }

    private async ValueTask WriteUploadAsync(Upload upload, ReadOnlyMemory<byte> buffer)
    {
        if (_deaf)
        {
            return;
        }

        _writing = true;
        ReadEarly();
        try
        {
            await Inner.WriteAsync(buffer, upload.Ended);
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
                throw Closed(exception);
            }

            _deaf = true;
        }
        finally
        {
            _writing = false;
        }
    }

    /// <summary>Reads the beginning of the answer while the body is being sent: up to its status, unless somebody waits for less.</summary>
    private async Task ReadEarlyAsync(EarlyBytes bytes)
    {
        try
        {
            do
            {
                bytes.Add(await ReadCheckedAsync(bytes.Room(), CancellationToken.None, isEarly: true));
            }
            while (_awaiting && IsUnderWay && !_earlyIsWanted && bytes.Count < EarlyBytesMax);
        }
        catch (Exception exception)
        {
            bytes.Fail(exception); // for whoever reads next
        }

        if (_awaiting && bytes.Count >= EarlyBytesMax)
        {
            _upload?.MarkHeadKnown(); // as far as it will be
        }
    }

    private async ValueTask<int> TakeEarlyAsync(EarlyBytes bytes, Task reading, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (bytes.IsTaken)
        {
            await reading.WaitAsync(cancellationToken);
        }

        var count = bytes.Take(buffer.Span);
        if (reading.IsCompleted && bytes.TryEnd())
        {
            lock (_sync)
            {
                (_early, _earlyBytes) = (null, null);
            }
        }

        return count;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadCheckedAsync(Memory<byte> buffer, CancellationToken cancellationToken, bool isEarly = false)
    {
        int count;
        try
        {
            var isHead = buffer.Length > HeadBytes / 4 && (buffer.Length <= LargestHeadBuffer || isEarly);
            count = await Inner.ReadAsync(isHead ? buffer[..^AnswerHead.MarkLength] : buffer, cancellationToken);
            count = _awaiting && buffer.Length > 0 ? Take(buffer.Span, count) : count;
        }
        catch (IOException exception) when (_awaiting && exception is not UpstreamClosedException)
        {
            _upload?.MarkHeadKnown();
            throw Closed(exception);
        }
        finally
        {
            _reading = false;
        }

        if (!isEarly && _awaiting && IsUnderWay && buffer.Length > 0)
        {
            ReadEarly(); // the client has begun to read before it was asked for anything, and goes on when all is sent
        }

        return count;
    }

    /// <summary>Bytes of an answer, up to its status, or its end.</summary>
    private int Take(Span<byte> buffer, int count)
    {
        if (count == 0)
        {
            _upload?.MarkHeadKnown();
            throw Closed();
        }

        (_answered, _heard) = (true, true);
        var interims = _head.Interims;
        var status = _head.Read(buffer[..count], out var fields);
        if (status == 0)
        {
            if (_head.Interims > interims)
            {
                WaitingRequest.Heard(_request);
            }

            return count;
        }

        _switched = status == AnswerHead.SwitchingProtocols;
        (_awaiting, _request) = (false, null);
        if (status < 300 || !IsUnderWay || count + AnswerHead.MarkLength > buffer.Length)
        {
            _upload?.MarkHeadKnown(); // the answer to a whole request, or one given while the request is read, as by an echo
            return count;
        }

        _deaf = true;
        _upload!.EndEarly();
        return AnswerHead.MarkClosing(buffer, count, fields);
    }

    /// <summary>A connection that has brought a byte for this request has not gone stale before it.</summary>
    private UpstreamClosedException Closed(Exception? cause = null) => new(_reused && !_heard, cause);

    public override Task FlushAsync(CancellationToken cancellationToken) =>
        _deaf ? Task.CompletedTask : base.FlushAsync(cancellationToken);

    protected override void Dispose(bool disposing)
    {
        _upload?.MarkHeadKnown();
        base.Dispose(disposing);
    }
}
