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
    private ExceptionDispatchInfo? _failure;

    /// <summary>Reads until the end, until there is more than may be held, or until <paramref name="late"/> is over.</summary>
    /// <returns>That was all of it. False also when it broke off, which whoever reads it is told first of all.</returns>
    public async Task<bool> HoldAsync(Task late, CancellationToken cancellation)
    {
        while (_count <= most)
        {
            if (_count == _held.Length)
            {
                Array.Resize(ref _held, Math.Min(most + 1, 2 * _count));
            }

            _reading = rest.ReadAsync(_held.AsMemory(_count), cancellation).AsTask();
            await Task.WhenAny(_reading, late);
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
            _reading = null;
            _count += await reading;
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
            rest.Dispose();
        }

        base.Dispose(disposing);
    }
}
