using System.Numerics;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// One stripe of a node's table of buckets: slots in chains, in arrays that never move, so that readers need no lock. Adding and
/// removing happen under <see cref="Lock"/>. Slots whose bucket is full and without a lease go as others are looked up.
/// </summary>
internal sealed class LeaseTable
{
    public const int None = -1;

    private const int ChunkSize = 128;
    private const int SweepStep = 2;
    private const int PressureStep = 64;

    /// <summary>
    /// A reader without the lock goes no further: it may have strayed into another chain. Longer chains than this do not happen by
    /// chance, and the hash is keyed.
    /// </summary>
    private const int LongestWalk = 32;

    private readonly int _most;
    private readonly LeaseSlot[]?[] _chunks;
    private readonly int[] _heads;
    private int _used;
    private int _free = None;
    private int _sweepAt;

    public LeaseTable(int most)
    {
        _most = Math.Max(1, most);
        _chunks = new LeaseSlot[]?[(_most + ChunkSize - 1) / ChunkSize];
        _heads = new int[BitOperations.RoundUpToPowerOf2((uint)_most)];
        Array.Fill(_heads, None);
    }

    public Lock Lock { get; } = new();

    /// <summary>Slots in use.</summary>
    public int Count { get; private set; }

    /// <summary>Leases held or asked for, debts and waiting requests, by slot; such a slot is not forgotten. Under the lock.</summary>
    public Dictionary<int, LeaseHolder> Holders { get; } = [];

    public ref LeaseSlot this[int index] => ref _chunks[index / ChunkSize]![index % ChunkSize];

    /// <summary>The slot of this hash; <see cref="None"/> when there is none, or, without the lock, when it was not found.</summary>
    public int Find(ulong high, ulong low)
    {
        var index = Volatile.Read(ref Head(high));
        for (var step = 0; index != None && step < LongestWalk; step++)
        {
            ref var slot = ref this[index];
            if (slot.High == high && slot.Low == low)
            {
                return index;
            }

            index = Volatile.Read(ref slot.Next);
        }

        return None;
    }

    /// <summary>Under the lock: the slot of this hash, made if need be; <see cref="None"/> when the table is full.</summary>
    public int FindOrAdd(ulong high, ulong low, long now)
    {
        var index = Find(high, low);
        if (index != None)
        {
            return index;
        }

        Sweep(SweepStep, now);
        if (_free == None && _used == _most)
        {
            Sweep(PressureStep, now);
        }

        index = Room();
        if (index != None)
        {
            ref var head = ref Head(high);
            LeaseSlot.Reset(ref this[index], high, low, head);
            this[index].CountedAt = now - 1_000_000;
            Volatile.Write(ref head, index);
            Count++;
        }

        return index;
    }

    private int Room()
    {
        var index = _free;
        if (index != None)
        {
            _free = this[index].Next;
            return index;
        }

        if (_used == _most)
        {
            return None;
        }

        _chunks[_used / ChunkSize] ??= new LeaseSlot[Math.Min(ChunkSize, _most - (_used / ChunkSize * ChunkSize))];
        return _used++;
    }

    private void Sweep(int steps, long now)
    {
        for (steps = Math.Min(steps, _used); steps > 0; steps--)
        {
            _sweepAt = _sweepAt + 1 < _used ? _sweepAt + 1 : 0;
            ref var slot = ref this[_sweepAt];
            if ((slot.High | slot.Low) != 0 && slot.KeptUntil <= now && !Holders.ContainsKey(_sweepAt))
            {
                Remove(_sweepAt);
            }
        }
    }

    private void Remove(int index)
    {
        ref var link = ref Head(this[index].High);
        while (link != index)
        {
            link = ref this[link].Next;
        }

        Volatile.Write(ref link, this[index].Next);
        LeaseSlot.Reset(ref this[index], 0, 0, _free);
        _free = index;
        Count--;
    }

    private ref int Head(ulong high) => ref _heads[(int)(high & (uint)(_heads.Length - 1))];
}
