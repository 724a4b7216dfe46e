using System.Runtime.ExceptionServices;

namespace EdgeProxy.Yarp;

/// <summary>
/// An answer's body that was read for as long as it may be held, to see whether that is all of it. Read again it gives what was held,
/// then the rest.
/// </summary>
internal sealed class HeldBody(Stream rest, int most) : BodyStream
{
    private const int FirstBytes = 4096;

    private byte[] _held = new byte[Math.Min(FirstBytes, most + 1)];
    private int _count;
    private int _given;
    private Task<int>? _reading;
    private CancellationTokenSource? _unwanted;
    private ExceptionDispatchInfo? _failure;

    /// <summary>Why it broke off while it was held; null: it did not.</summary>
    public Exception? Failure => _failure?.SourceException;

    /// <summary>Reads until the end, until there is more than may be held, or for <paramref name="patience"/>.</summary>
    /// <param name="cancellation">Ends it as if the body had broken off.</param>
    /// <returns>That was all of it. False also when it broke off, which whoever reads it is told first of all.</returns>
    public async ValueTask<bool> HoldAsync(TimeSpan patience, TimeProvider time, CancellationToken cancellation)
    {
        _unwanted = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var started = time.GetTimestamp();
        while (_count <= most)
        {
            if (_count == _held.Length)
            {
                Array.Resize(ref _held, Math.Min(most + 1, 2 * _count));
            }

            _reading = rest.ReadAsync(_held.AsMemory(_count), _unwanted.Token).AsTask();
            var left = patience - time.GetElapsedTime(started);
            if (!_reading.IsCompleted && left > TimeSpan.Zero)
            {
                await ((Task)_reading).WaitAsync(left, time, CancellationToken.None)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            if (!_reading.IsCompleted)
            {
                return false;
            }

            try
            {
                var read = await _reading;
                _reading = null;
                _count += read;
                if (read == 0)
                {
                    _unwanted.Dispose(); // nothing is read any more
                    return true;
                }
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException)
            {
                _failure = ExceptionDispatchInfo.Capture(exception);
                return false;
            }
        }

        return false;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _failure?.Throw();
        if (_given == _count && _reading is { } reading)
        {
            _count += await reading.WaitAsync(cancellationToken);
            _reading = null;
            if (_given == _count)
            {
                return 0;
            }
        }

        if (_given == _count)
        {
            return await rest.ReadAsync(buffer, cancellationToken);
        }

        var count = Math.Min(buffer.Length, _count - _given);
        _held.AsSpan(_given, count).CopyTo(buffer.Span);
        _given += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            if (_reading is { IsCompleted: false })
            {
                _unwanted?.Cancel(); // else it would read on beside whoever empties the connection for its next use
            }

            _unwanted?.Dispose();
            rest.Dispose();
        }

        base.Dispose(disposing);
    }
}
