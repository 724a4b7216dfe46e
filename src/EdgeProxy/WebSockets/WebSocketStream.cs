using System.Runtime.CompilerServices;

namespace EdgeProxy.WebSockets;

/// <summary>
/// The client's side of a WebSocket, as the forwarder reads and writes it. Bytes pass unchanged both ways. When the edge
/// drains, the client gets Close 1001 at the next frame boundary and what the upstream still sends is dropped; the client's
/// own Close then travels to the upstream and ends both sides as any WebSocket ends. A client that does not answer is
/// answered for.
/// </summary>
internal sealed class WebSocketStream : Stream
{
    /// <summary>How long each step of a closing handshake may take.</summary>
    public static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    private readonly Stream _client;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _unanswered;
    private readonly CancellationTokenRegistration _drain;
    private CancellationTokenSource? _reading;
    private CancellationToken _readingFor;
    private FrameBoundary _toClient;
    private FrameBoundary _toUpstream;
    private bool _writing;
    private bool _goingAway;
    private bool _closed;
    private bool _broken;
    private bool _answered;

    public WebSocketStream(Stream client, TimeProvider time, CancellationToken draining)
    {
        _client = client;
        _time = time;
        _unanswered = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        _drain = draining.UnsafeRegister(
            static state => ThreadPool.UnsafeQueueUserWorkItem(GoAway, (WebSocketStream)state!, preferLocal: false), this);
    }

    /// <summary>The client has got its upstream's Close, or one for a drain, or is about to.</summary>
    public bool HasClosed
    {
        get
        {
            lock (_gate)
            {
                return _toClient.CloseSeen || (_closed && _goingAway);
            }
        }
    }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int length;
        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            _writing = true;
            length = Pass(buffer.Span, toBoundary: _goingAway);
        }

        try
        {
            await _client.WriteAsync(buffer[..length], cancellationToken);
        }
        catch
        {
            _broken = true;
            throw;
        }

        if (!EndWrite())
        {
            await SendAsync(CloseFrame.GoingAway);
        }
    }

    /// <summary>Bytes of the client; after an unanswered Close, a Close in its name, and then the end of patience.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            var read = await _client.ReadAsync(buffer, Reading(cancellationToken));
            _toUpstream.Advance(buffer.Span[..read]);
            return read;
        }
        catch (OperationCanceledException) when (_unanswered.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return await AnswerForClientAsync(buffer, cancellationToken);
        }
    }

    /// <summary>
    /// After the forwarder has ended: says <paramref name="close"/> if the upstream said no Close itself, and gives the client
    /// time to hear it. False: a frame is left open, or the client is gone, and only a cut tells the truth.
    /// </summary>
    public async Task<bool> FinishAsync(byte[] close)
    {
        await _drain.DisposeAsync();
        bool due;
        lock (_gate)
        {
            due = !_closed && !_toClient.CloseSeen;
            if (_broken || _writing || (due && !_toClient.IsHere))
            {
                return false;
            }

            _writing = _closed = true;
        }

        if (due && !await SendAsync(_goingAway ? CloseFrame.GoingAway : close))
        {
            return false;
        }

        if (!_unanswered.IsCancellationRequested)
        {
            await HearOutAsync();
        }

        return true;
    }

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => _client.FlushAsync(cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>The forwarder disposes its stream before it returns; the client's is still needed then, and Kestrel's to end.</summary>
    protected override void Dispose(bool disposing) => base.Dispose(disposing);

    private int Pass(ReadOnlySpan<byte> bytes, bool toBoundary)
    {
        if (toBoundary)
        {
            return _toClient.AdvanceToNext(bytes);
        }

        _toClient.Advance(bytes);
        return bytes.Length;
    }

    /// <summary>False when a Close is due now; the caller sends it, still as the one writer.</summary>
    private bool EndWrite()
    {
        lock (_gate)
        {
            if (_goingAway && _toClient is { IsHere: true, CloseSeen: false })
            {
                _closed = true;
                return false;
            }

            _writing = false;
            return true;
        }
    }

    private static void GoAway(WebSocketStream stream) => _ = stream.GoAwayAsync();

    private async Task GoAwayAsync()
    {
        lock (_gate)
        {
            _goingAway = true;
            if (!_closed)
            {
                _unanswered.CancelAfter(CloseTimeout);
            }

            if (_closed || _writing || _broken || !_toClient.IsHere || _toClient.CloseSeen)
            {
                return; // whoever is writing sees it at the end of the frame
            }

            _writing = _closed = true;
        }

        await SendAsync(CloseFrame.GoingAway);
    }

    private async ValueTask<bool> SendAsync(byte[] frame)
    {
        try
        {
            await _client.WriteAsync(frame);
            await _client.FlushAsync();
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or InvalidOperationException)
        {
            _broken = true; // the client went first
        }

        _writing = false;
        return !_broken;
    }

    private async ValueTask<int> AnswerForClientAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (_answered || _toUpstream.CloseSeen || !_toUpstream.IsHere)
        {
            await Task.Delay(CloseTimeout, _time, cancellationToken);
            throw new IOException("The WebSocket was not closed in time.");
        }

        if (buffer.IsEmpty)
        {
            return 0; // asks whether there is something to read: there is
        }

        _answered = true;
        CloseFrame.GoingAwayToUpstream.CopyTo(buffer);
        return CloseFrame.GoingAwayToUpstream.Length;
    }

    /// <summary>Reads on until the client has closed too: a socket closed on unread bytes is reset, and the Close with it.</summary>
    private async Task HearOutAsync()
    {
        using var patience = new CancellationTokenSource(CloseTimeout, _time);
        var dropped = new byte[512];
        try
        {
            while (!_toUpstream.CloseSeen)
            {
                var read = await _client.ReadAsync(dropped, patience.Token);
                if (read == 0)
                {
                    return;
                }

                _toUpstream.Advance(dropped.AsSpan(0, read));
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or InvalidOperationException)
        {
            // Said and not heard, or gone: there is nothing more to tell.
        }
    }

    /// <summary>The forwarder's token, joined by ours: one join a WebSocket, since the forwarder reads with one token.</summary>
    private CancellationToken Reading(CancellationToken cancellationToken)
    {
        if (_reading is null || _readingFor != cancellationToken)
        {
            _reading?.Dispose();
            _reading = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _unanswered.Token);
            _readingFor = cancellationToken;
        }

        return _reading.Token;
    }

    public override async ValueTask DisposeAsync()
    {
        await _drain.DisposeAsync();
        _reading?.Dispose();
        _unanswered.Dispose();
        await base.DisposeAsync();
    }
}
