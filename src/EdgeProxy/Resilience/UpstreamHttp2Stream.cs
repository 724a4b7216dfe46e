using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using EdgeProxy.Errors;

namespace EdgeProxy.Resilience;

/// <summary>
/// The byte stream of one HTTP/2 connection to a destination, above TLS. The platform's client sends a refused request again on its own,
/// keeps a connection that has died in silence, and sends before it knows whether streams may be opened: none of it gets that far here.
/// </summary>
internal sealed class UpstreamHttp2Stream : ConnectionStream
{
    /// <summary>For a server that says nothing before it is asked, though it should.</summary>
    private static readonly TimeSpan SettingsPatience = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly Http2Watch _watch;
    private readonly Http2Inbound _inbound;
    private readonly Http2Outbound _outbound;
    private readonly ITimer _timer;
    private readonly SemaphoreSlim _writing = new(1, 1);

    private CancellationTokenSource _wake = new();
    private UpstreamSilentException? _silent;
    private ExceptionDispatchInfo? _fault;
    private bool _isAtEnd;
    private bool _hasBegun;

    public UpstreamHttp2Stream(Stream inner, Http2Watch watch, TimeProvider time)
        : base(inner)
    {
        (_watch, _time) = (watch, time);
        (_inbound, _outbound) = (new Http2Inbound(watch), new Http2Outbound(watch));
        _timer = time.CreateTimer(
            static stream => ((UpstreamHttp2Stream)stream!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (Volatile.Read(ref _silent) is { } silent)
            {
                throw silent;
            }

            if (_watch.HasForReader && _inbound.IsAtBoundary)
            {
                return buffer.IsEmpty ? 0 : _watch.TakeForReader(buffer.Span);
            }

            if (_inbound.IsReady)
            {
                return buffer.IsEmpty ? 0 : _inbound.Take(buffer.Span);
            }

            if (_isAtEnd)
            {
                _fault?.Throw();
                return 0;
            }

            _watch.ReadOn();
            var wake = Volatile.Read(ref _wake);
            if (_watch.HasForReader && _inbound.IsAtBoundary)
            {
                continue; // told in between, and the one who told has woken nobody
            }

            int count;
            try
            {
                count = await Inner.ReadAsync(buffer.IsEmpty || !_inbound.IsHolding ? buffer : _inbound.Room, wake.Token);
            }
            catch (OperationCanceledException) when (wake.IsCancellationRequested)
            {
                Interlocked.CompareExchange(ref _wake, new CancellationTokenSource(), wake);
                continue;
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException)
            {
                AtEnd(_watch.IsCalmed ? null : exception);
                continue;
            }

            if (buffer.IsEmpty)
            {
                return 0;
            }

            if (count == 0)
            {
                AtEnd(null);
            }
            else if (_inbound.IsHolding)
            {
                _inbound.Held(count);
            }
            else if (_inbound.Pass(buffer.Span[..count]) is var passed and > 0)
            {
                return passed;
            }
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _outbound.Pass(buffer.Span); // before it leaves: what comes back finds its stream
        if (_watch.TakeArming() is { } after)
        {
            SetTimer(after);
        }

        if (_watch.HasForReader)
        {
            Wake();
        }

        await _writing.WaitAsync(cancellationToken);
        try
        {
            await Inner.WriteAsync(buffer, cancellationToken);
        }
        finally
        {
            _writing.Release();
        }

        if (!_hasBegun)
        {
            _hasBegun = true;
            await AwaitUsableAsync(cancellationToken);
        }
    }

    /// <summary>The preface has been sent: the request goes behind the destination's SETTINGS, which say what it takes.</summary>
    private async Task AwaitUsableAsync(CancellationToken cancellation)
    {
        try
        {
            await _watch.Usable.WaitAsync(SettingsPatience, _time, cancellation);
        }
        catch (TimeoutException)
        {
            if (_watch.TakesNoStreamsYet)
            {
                await _watch.Usable.WaitAsync(cancellation);
            }
        }

        if (_watch.WasNeverUsable)
        {
            throw new HttpIOException(HttpRequestError.InvalidResponse, "The connection ended before it could be used.");
        }
    }

    private void AtEnd(Exception? exception)
    {
        _isAtEnd = true;
        _fault = exception is null ? null : ExceptionDispatchInfo.Capture(exception);
        _watch.Ended();
    }

    /// <summary>Has the reader look for what it is told.</summary>
    private void Wake() => _ = Volatile.Read(ref _wake).CancelAsync();

    /// <summary>Does what the connection needs now.</summary>
    private void Look()
    {
        var (step, again) = _watch.Next();
        switch (step)
        {
            case Http2Step.Ping:
                _ = PingAsync();
                break;
            case Http2Step.GiveUp:
                Volatile.Write(ref _silent, new UpstreamSilentException());
                Inner.Dispose(); // who writes is waiting too
                break;
        }

        if (_watch.HasForReader)
        {
            Wake();
        }

        if (again is { } after)
        {
            SetTimer(after);
        }
    }

    private async Task PingAsync()
    {
        try
        {
            await _writing.WaitAsync();
            try
            {
                if (_outbound.IsAtBoundary)
                {
                    await Inner.WriteAsync(Http2Frame.PingOf(Http2Watch.OwnPing));
                }
            }
            finally
            {
                _writing.Release();
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The reader hears of it.
        }
    }

    private void SetTimer(TimeSpan after)
    {
        try
        {
            _timer.Change(after, Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException)
        {
            // The connection has been closed meanwhile.
        }
    }

    protected override void Dispose(bool disposing)
    {
        _timer.Dispose();
        base.Dispose(disposing);
        _watch.Ended();
    }
}
