using System.Buffers;
using System.Runtime.ExceptionServices;

namespace EdgeProxy.Resilience;

/// <summary>What came of an answer while nobody read, for who reads next. One reads it in, one takes it out, at the same time.</summary>
internal sealed class EarlyBytes
{
    private const int Least = 1024;

    private readonly Lock _sync = new();
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(4 * Least);
    private int _at;
    private int _end;
    private ExceptionDispatchInfo? _fault;

    /// <summary>Bytes that have come in all.</summary>
    public int Count => Volatile.Read(ref _end);

    public bool IsTaken => Volatile.Read(ref _end) == _at;

    /// <summary>Where the next bytes go.</summary>
    public Memory<byte> Room()
    {
        lock (_sync)
        {
            if (_bytes.Length - _end <= Least)
            {
                var more = ArrayPool<byte>.Shared.Rent(2 * _bytes.Length);
                _bytes.AsSpan(0, _end).CopyTo(more);
                ArrayPool<byte>.Shared.Return(_bytes);
                _bytes = more;
            }

            return _bytes.AsMemory(_end);
        }
    }

    public void Add(int count)
    {
        lock (_sync)
        {
            _end += count;
        }
    }

    /// <summary>No more will come.</summary>
    public void Fail(Exception exception)
    {
        lock (_sync)
        {
            _fault = ExceptionDispatchInfo.Capture(exception);
        }
    }

    /// <summary>Throws when all has been taken and reading has failed.</summary>
    public int Take(Span<byte> buffer)
    {
        lock (_sync)
        {
            if (_at == _end)
            {
                _fault?.Throw();
            }

            var count = Math.Min(buffer.Length, _end - _at);
            _bytes.AsSpan(_at, count).CopyTo(buffer);
            _at += count;
            return count;
        }
    }

    /// <summary>All has been taken, and nobody reads in any more: true when the next may read for itself.</summary>
    public bool TryEnd()
    {
        lock (_sync)
        {
            if (_at < _end || _fault is not null)
            {
                return false;
            }

            ArrayPool<byte>.Shared.Return(_bytes);
            return true;
        }
    }
}
