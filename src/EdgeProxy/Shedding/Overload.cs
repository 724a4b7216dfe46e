using System.Globalization;
using EdgeProxy.Configuration;

namespace EdgeProxy.Shedding;

/// <summary>What the process looks like at one moment.</summary>
/// <param name="InFlight">Requests, streams and WebSockets under way.</param>
/// <param name="Memory">Share of the memory that may be used which is.</param>
/// <param name="PoolDelay">How long work waits for a thread.</param>
internal readonly record struct ProcessReading(long InFlight, double Memory, TimeSpan PoolDelay);

/// <summary>
/// How overloaded the process is: 0 not at all; at 1 `Sheddable` routes are refused, at 2 `SheddablePlus` too, at 3 all but
/// `CriticalPlus`. It is the highest of what its signals say. Requests read one number; a thread of its own keeps it.
/// </summary>
internal sealed partial class Overload(ILogger<Overload> logger)
{
    private const int Most = 3;
    private const long Never = -1;

    /// <summary>How long level 3 has to last before it is spoken of as a state of the node.</summary>
    public static readonly TimeSpan Lasting = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private static readonly string[] Refused = ["no route", "Sheddable", "Sheddable and SheddablePlus", "all but CriticalPlus"];

    private readonly List<Action<int>> _reserves = [];
    private volatile int _level;
    private volatile bool _hasBegun;
    private TimeSpan _given;
    private long _mostSince = Never;
    private volatile Signal[] _signals = NewSignals();

    /// <summary>0 to 3.</summary>
    public int Level => _level;

    /// <summary>What is looked at, by name, with the level it asks for.</summary>
    public IReadOnlyList<Signal> Signals => _signals;

    /// <summary>The signal that asks for the present level; null when none asks for more than 0.</summary>
    public Signal? Worst
    {
        get
        {
            var worst = _signals[0];
            foreach (var signal in _signals)
            {
                worst = signal.Level > worst.Level ? signal : worst;
            }

            return worst.Level > 0 ? worst : null;
        }
    }

    /// <summary>The edge serves: until then what it does to start is no overload.</summary>
    public bool HasBegun => _hasBegun;

    public Signal Memory => _signals[1];

    public void Begin() => _hasBegun = true;

    /// <summary>
    /// Has <paramref name="giveWay"/> called while memory presses, once a second, with the level that memory asks for: what is only kept
    /// in case gives way before a request is refused a second time. To be called before the edge serves.
    /// </summary>
    public void AddReserve(Action<int> giveWay) => _reserves.Add(giveWay);

    /// <summary>How long level 3 has lasted; zero when it is not the level.</summary>
    public TimeSpan MostFor(TimeSpan now) =>
        Volatile.Read(ref _mostSince) is var since and not Never ? now - new TimeSpan(since) : TimeSpan.Zero;

    public bool Refuses(Criticality criticality) => (int)criticality + _level > Most;

    /// <summary>Takes another look. From one thread at a time.</summary>
    public void Read(OverloadOptions options, ProcessReading reading, TimeSpan now)
    {
        if (!options.Enabled)
        {
            _signals = NewSignals();
        }
        else
        {
            double most = options.RequestsInFlight ?? double.PositiveInfinity;
            _signals[0].Read(reading.InFlight, [most * 0.8, most * 0.9, most], now);
            var left = 1 - options.Memory;
            _signals[1].Read(reading.Memory, [options.Memory, options.Memory + (left / 3), options.Memory + (left * 2 / 3)], now);
            var delay = options.ThreadPoolDelay.TotalSeconds;
            _signals[2].Read(reading.PoolDelay.TotalSeconds, [delay, delay * 3, delay * 10], now);
        }

        GiveWay(now);
        var worst = Worst;
        var level = worst?.Level ?? 0;
        if (level != _level)
        {
            var severity = level > 0 ? LogLevel.Warning : LogLevel.Information;
            _level = level;
            Volatile.Write(ref _mostSince, level == Most ? now.Ticks : Never);
            LogLevelChanged(logger, severity, level, Refused[level], worst?.Text ?? "nothing presses any more");
        }
    }

    private void GiveWay(TimeSpan now)
    {
        if (Memory.Level == 0 || now - _given < Patience)
        {
            return;
        }

        _given = now;
        foreach (var giveWay in _reserves)
        {
            giveWay(Memory.Level);
        }
    }

    // Requests in flight fall as soon as some are refused, and refusing more than needed would leave the edge idle: no patience there.
    private static Signal[] NewSignals() =>
        [new("in_flight", TimeSpan.Zero), new("memory", Patience), new("thread_pool", Patience)];

    [LoggerMessage(Message = "Overload level {Level}: {Refused} refused; {Why}")]
    private static partial void LogLevelChanged(ILogger logger, LogLevel severity, int level, string refused, string why);

    /// <summary>One thing that is looked at.</summary>
    internal sealed class Signal(string name, TimeSpan patience)
    {
        private readonly LoadLevel _level = new(patience);

        /// <summary>Value of the label `reason`.</summary>
        public string Name => name;

        public int Level => _level.Value;

        public double Reading { get; private set; }

        /// <summary>Readings from which on the level is 1, 2 and 3.</summary>
        public IReadOnlyList<double> Steps { get; private set; } = [];

        public string Text => string.Create(CultureInfo.InvariantCulture, $"{Name} is {Reading:0.###}");

        public void Read(double reading, double[] steps, TimeSpan now)
        {
            (Reading, Steps) = (reading, steps);
            _level.Read(reading, steps, now);
        }
    }
}
