using System.Numerics;

namespace EdgeProxy.Redis;

/// <summary>
/// Whether the store is worth asking. Opens after two misses in a row, or ten among the last twenty calls; from then on no
/// request waits, until a probe has been answered in time. Open at first: nothing has answered yet.
/// </summary>
internal sealed class StoreBreaker
{
    private const int Window = 20;

    private readonly Lock _lock = new();
    private volatile bool _isOpen = true;
    private uint _misses;

    public bool IsOpen => _isOpen;

    public void Close()
    {
        lock (_lock)
        {
            _misses = 0;
            _isOpen = false;
        }
    }

    /// <summary>Notes how a call ended. True when this one opened the breaker.</summary>
    public bool Note(bool answered)
    {
        lock (_lock)
        {
            _misses = ((_misses << 1) | (answered ? 0u : 1u)) & ((1u << Window) - 1);
            if (_isOpen || ((_misses & 3) != 3 && BitOperations.PopCount(_misses) < Window / 2))
            {
                return false;
            }

            _isOpen = true;
            return true;
        }
    }
}
