using System.Numerics;
using System.Runtime.CompilerServices;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// Part of a table of buckets, with a lock of its own: chains of structs in one array, no object for a client. A bucket is
/// forgotten once it is full again, which is what a client who has never been seen has; a bucket that is not full is never
/// forgotten. Callers hold <see cref="Lock"/>.
/// </summary>
internal sealed class BucketTable(int most)
{
    private const int None = -1;

    /// <summary>How many old buckets each look-up inspects, so that full ones go without anybody walking the table.</summary>
    private const int SweepStep = 2;

    /// <summary>How many are inspected when the table is full and a new client comes.</summary>
    private const int PressureStep = 64;

    private int[] _heads = [];
    private Bucket[] _buckets = [];
    private int _used;
    private int _free = None;
    private int _sweepAt;
    private long _latest = long.MinValue;

    public Lock Lock { get; } = new();

    public int Count { get; private set; }

    /// <summary>Buckets in it that many clients share, made while there was no room for one each.</summary>
    public int Overflows { get; private set; }

    /// <summary>
    /// The time to count by, in microseconds: <paramref name="now"/>, which never moves back. Time that has been counted, or by
    /// which a bucket has been forgotten, is not counted twice. A clock far behind has been put back, and is followed.
    /// </summary>
    public long Tick(long now) => _latest = now >= _latest || now < _latest - MemoryBucketStore.ClockTolerance ? now : _latest;

    /// <summary>The bucket under this hash; a null reference when there is none.</summary>
    public ref Bucket Find(ulong high, ulong low, long now)
    {
        Sweep(SweepStep, now);
        if (_heads.Length > 0)
        {
            for (var i = Head(high); i != None; i = _buckets[i].Next)
            {
                ref var bucket = ref _buckets[i];
                if (bucket.High == high && bucket.Low == low)
                {
                    return ref bucket;
                }
            }
        }

        return ref Unsafe.NullRef<Bucket>();
    }

    /// <summary>
    /// Makes room for a bucket that <see cref="Find"/> did not find; a null reference when there is none. A shared bucket
    /// always finds room: there is at most one for each policy.
    /// </summary>
    public ref Bucket Add(ulong high, ulong low, long now, bool isShared = false)
    {
        if (Count >= most && !isShared)
        {
            Sweep(PressureStep, now);
            if (Count >= most)
            {
                return ref Unsafe.NullRef<Bucket>();
            }
        }

        var index = Slot();
        ref var head = ref Head(high);
        _buckets[index] = new Bucket { High = high, Low = low, Next = head, FullAt = long.MaxValue, IsShared = isShared };
        head = index;
        Count++;
        Overflows += isShared ? 1 : 0;
        return ref _buckets[index];
    }

    private int Slot()
    {
        if (_free != None)
        {
            var index = _free;
            _free = _buckets[index].Next;
            return index;
        }

        if (_used == _buckets.Length)
        {
            Grow();
        }

        return _used++;
    }

    private void Grow()
    {
        // By half when large: at a million clients the rooms left empty would otherwise weigh more than the buckets.
        var size = _used < 1024 ? Math.Max(8, _used * 2) : _used + (_used / 2);
        Array.Resize(ref _buckets, size);
        _heads = new int[BitOperations.RoundUpToPowerOf2((uint)size)];
        Array.Fill(_heads, None);
        for (var i = 0; i < _used; i++)
        {
            ref var head = ref Head(_buckets[i].High);
            _buckets[i].Next = head;
            head = i;
        }
    }

    private void Sweep(int steps, long now)
    {
        for (steps = Math.Min(steps, _used); steps > 0; steps--)
        {
            _sweepAt = _sweepAt + 1 < _used ? _sweepAt + 1 : 0;
            ref var bucket = ref _buckets[_sweepAt];
            if (bucket.FullAt <= now)
            {
                Remove(_sweepAt);
            }
        }
    }

    private void Remove(int index)
    {
        ref var bucket = ref _buckets[index];
        ref var link = ref Head(bucket.High);
        while (link != index)
        {
            link = ref _buckets[link].Next;
        }

        link = bucket.Next;
        Overflows -= bucket.IsShared ? 1 : 0;
        bucket = new Bucket { Next = _free, FullAt = long.MaxValue };
        _free = index;
        Count--;
    }

    private ref int Head(ulong high) => ref _heads[(int)(high & (uint)(_heads.Length - 1))];
}

/// <summary>One client's tokens under one policy.</summary>
internal struct Bucket
{
    public ulong High;
    public ulong Low;

    /// <summary>Which level belongs to which limit; see <see cref="LimitSet.Tags"/>.</summary>
    public ulong Tags;

    /// <summary>Microseconds; the levels are of this time.</summary>
    public long At;

    /// <summary>From when on the bucket is full and may be forgotten. Never for one that is not in use.</summary>
    public long FullAt;
    public Levels Levels;
    public int Next;
    public bool IsShared;
}
