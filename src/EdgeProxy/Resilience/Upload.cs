using EdgeProxy.Errors;

namespace EdgeProxy.Resilience;

/// <summary>
/// A request's body on its way to a destination. When the answer comes before the body is through, the upload ends: whoever copies
/// reads no more from the client but, for the sake of the length that was promised, zeros, and the connection drops those.
/// So the answer is passed on while the client still sends, and the copy ends as if all had gone well.
/// </summary>
internal sealed class Upload : BodyStream
{
    private static readonly AsyncLocal<Upload?> Ambient = new();
    private static readonly TimeSpan LongWait = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _ended;
    private readonly TaskCompletionSource _headKnown = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Stream _body;
    private Action? _goesToHttp1;
    private MemoryStream? _record;
    private int _recordMax;
    private long _remaining;
    private long _longestTicks;
    private long _waitingSince;
    private volatile bool _endedEarly;
    private volatile bool _complete;

    /// <param name="length">Promised bytes; -1 when the body is chunked.</param>
    private Upload(Stream body, long length, TimeProvider time, CancellationToken cancellation)
    {
        _body = body;
        _time = time;
        _remaining = length;
        _ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Ended = _ended.Token;
    }

    /// <summary>The upload that the current flow of execution sends; null when its request has no body.</summary>
    public static Upload? Current => Ambient.Value;

    /// <summary>Signalled when the upload ends early or the request is given up.</summary>
    public CancellationToken Ended { get; }

    public bool EndedEarly => _endedEarly;

    /// <summary>The whole body has been read and handed to the connection.</summary>
    public bool IsComplete => _complete;

    /// <summary>More of it is to come from the client, and the destination may be waiting for that.</summary>
    public bool IsAwaited => Streams && !_complete && !_endedEarly && _remaining != 0;

    /// <summary>The body comes from the client while it is sent, rather than from memory.</summary>
    public bool Streams => _body is not MemoryStream;

    /// <summary>The request was given up while the client's next bytes were waited for.</summary>
    public bool ClientKeptWaiting { get; private set; }

    /// <summary>The destination closed while the body was written to it, and no answer came.</summary>
    public bool WasCutOff { get; set; }

    /// <summary>The client's connection broke while its body was read.</summary>
    public bool ClientBroke { get; private set; }

    /// <summary>
    /// It is not through, and its client was once waited for so long that a destination may have given up for that. Many short waits are
    /// none: those are a slow line, and something of the body comes all the time.
    /// </summary>
    public bool IsHeldUp => !_complete && LongestWait >= LongWait;

    /// <summary>Timestamp of when the whole body was through; 0 before.</summary>
    public long CompletedAt { get; private set; }

    /// <summary>Nothing has been read of it.</summary>
    public bool IsUntouched { get; private set; } = true;

    /// <summary>What has been read, while that is no more than was asked to be kept; null otherwise.</summary>
    public ReadOnlyMemory<byte>? Record => _record is { Length: var length } && length <= _recordMax
        ? _record.GetBuffer().AsMemory(0, (int)length)
        : null;

    /// <summary>Told when the whole body is through; null: nobody waits for that.</summary>
    public AttemptLimit? Limit { get; set; }

    /// <summary>Completes when the answer's head, or its absence, is known.</summary>
    public Task HeadKnown => _headKnown.Task;

    /// <summary>
    /// Puts an upload between the client's body and who copies it, and makes it current for this flow, until the answer has ended:
    /// the connection to the destination keeps it until its next request, and must not keep the client's with it.
    /// </summary>
    public static Upload Begin(HttpContext context, TimeProvider time, CancellationToken cancellation)
    {
        var body = context.Request.Body is Upload { _body: var inner } ? inner : context.Request.Body; // of an attempt that sent nothing
        var upload = new Upload(body, context.Request.ContentLength ?? -1, time, cancellation);
        if (context.Features.Get<EdgeContext>()?.Route?.Retry is { ReplayBodyBytes: var most and > 0 }
            && GrpcAnswer.IsExpected(context.Request.ContentType))
        {
            (upload._record, upload._recordMax) = (new MemoryStream(), most);
        }

        upload._goesToHttp1 = context.Features.Get<EdgeContext>()?.BodyGoesToHttp1;
        context.Request.Body = upload;
        context.Response.RegisterForDispose(upload);
        Ambient.Value = upload;
        return upload;
    }

    /// <summary>The answer is here and asks for no more of the body.</summary>
    public void EndEarly()
    {
        _endedEarly = true;
        _headKnown.TrySetResult();
        try
        {
            _ended.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The request has ended before its answer came: nobody sends any more.
        }
    }

    /// <summary>The request has been given an HTTP/1.1 connection.</summary>
    public void MarkHttp1() => _goesToHttp1?.Invoke();

    /// <summary>Completes <see cref="HeadKnown"/>.</summary>
    public void MarkHeadKnown() => _headKnown.TrySetResult();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_endedEarly)
        {
            return Pad(buffer.Span);
        }

        try
        {
            IsUntouched = false;
            var reading = _body.ReadAsync(buffer, Ended);
            var read = reading.IsCompletedSuccessfully ? reading.Result : await WaitAsync(reading);
            if (_record?.Length <= _recordMax)
            {
                _record.Write(buffer.Span[..read]);
            }

            _remaining -= _remaining > 0 ? read : 0;
            if (read == 0 && buffer.Length > 0)
            {
                CompletedAt = _time.GetTimestamp();
                _complete = true;
                Limit?.BodyIsThrough();
            }

            return read;
        }
        catch (OperationCanceledException) when (_endedEarly)
        {
            return Pad(buffer.Span);
        }
        catch (OperationCanceledException)
        {
            ClientKeptWaiting = Streams;
            throw;
        }
        catch (IOException exception) when (exception is not BadHttpRequestException)
        {
            ClientBroke = true; // what comes of it below looks like a connection that the destination closed
            throw;
        }
    }

    private async ValueTask<int> WaitAsync(ValueTask<int> reading)
    {
        var since = _time.GetTimestamp();
        Volatile.Write(ref _waitingSince, since);
        try
        {
            return await reading;
        }
        finally
        {
            Volatile.Write(ref _longestTicks, Math.Max(_longestTicks, _time.GetElapsedTime(since).Ticks));
            Volatile.Write(ref _waitingSince, 0); // afterwards: who looks meanwhile sees the wait in one of them
        }
    }

    /// <summary>The wait that is going on included.</summary>
    private TimeSpan LongestWait => TimeSpan.FromTicks(Math.Max(
        Volatile.Read(ref _waitingSince) is var since and not 0 ? _time.GetElapsedTime(since).Ticks : 0,
        Volatile.Read(ref _longestTicks)));

    private int Pad(Span<byte> buffer)
    {
        var count = (int)Math.Min(buffer.Length, Math.Max(0, _remaining));
        buffer[..count].Clear();
        _remaining -= count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        _ended.Dispose();
        _body = Null;
        _headKnown.TrySetResult();
        base.Dispose(disposing);
    }
}
