using System.Runtime.CompilerServices;
using EdgeProxy.Configuration;
using EdgeProxy.Shedding;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

internal sealed record DestinationStanding(DestinationStatus.Status Status, DateTimeOffset Since);

/// <summary>What the edge knows of a destination beyond YARP's state. Kept over reloads while id and address stay.</summary>
internal sealed class DestinationRuntime
{
    private static readonly ConditionalWeakTable<DestinationState, DestinationRuntime> Runtimes = [];

    private readonly Lock _standing = new();
    private DestinationSettings _settings = DestinationSettings.Default;
    private DestinationMode? _order;
    private TimeSpan? _joined;
    private long[] _attempts = new long[AttemptOutcome.All.Count];
    private int _inFlight;
    private int _share = 1;

    /// <summary>Attempts under way, each to the end of its answer. Probes are not among them.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Weight to choose by; one that counts as draining is chosen for its sessions only, and then alone.</summary>
    public int Weight => Math.Max(1, _settings.Weight * _share);

    public int ConfiguredWeight => _settings.Weight;

    /// <summary>What the next request would weigh here: the lower, the better.</summary>
    public double Load => (InFlight + 1.0) / Weight;

    /// <summary>What it is meant to do now: what was ordered by the admin API, else what is configured.</summary>
    public DestinationMode Mode => _order ?? ConfiguredMode;

    private DestinationMode ConfiguredMode =>
        _settings is { State: DestinationMode.Up, Weight: 0 } ? DestinationMode.Draining : _settings.State;

    /// <summary>The mode is an order of the admin API, not the configuration.</summary>
    public bool IsOrdered => _order is not null;

    /// <summary>Address that all this is about; null before the destination was first seen.</summary>
    public string? Address { get; private set; }

    /// <summary>Its breaker. Open: the destination is ejected.</summary>
    public Circuit Circuit { get; private set; } = NewCircuit(new BreakerSettings(), new EjectionSettings());

    /// <summary>Its cluster panics: what it answers may come of that.</summary>
    public bool IsInPanic { get; set; }

    /// <summary>Whether it got requests when that was last looked at; null: it has not been looked at.</summary>
    public bool? WasAvailable { get; set; }

    /// <summary>Its state in one word when that was last looked at, and since when; null: it has not been looked at.</summary>
    public DestinationStanding? Standing { get; private set; }

    public static DestinationRuntime Of(DestinationState destination) =>
        Runtimes.TryGetValue(destination, out var runtime) ? runtime : Runtimes.GetValue(destination, static _ => new DestinationRuntime());

    /// <summary>Takes over what a revision says. At another address everything begins anew.</summary>
    /// <param name="share">Parts that its weight is multiplied with, where destinations have different numbers of endpoints.</param>
    public static DestinationRuntime Apply(
        DestinationState destination,
        DestinationSettings settings,
        (BreakerSettings Breaker, EjectionSettings Ejection) circuit,
        int share = 1)
    {
        var runtime = Of(destination);
        var address = destination.Model.Config.Address;
        if (runtime.Address is { } known && known != address)
        {
            runtime = new DestinationRuntime();
            Runtimes.AddOrUpdate(destination, runtime);
        }

        if (runtime._settings.State != settings.State)
        {
            runtime._order = null; // the files have another word now, and it is the newer one
        }

        var times = TimesOf(circuit.Breaker, circuit.Ejection);
        if (runtime.Circuit.Settings != circuit.Breaker || runtime.Circuit.Times != times)
        {
            runtime.Circuit = NewCircuit(circuit.Breaker, circuit.Ejection);
        }

        runtime.Address = address;
        runtime._settings = settings;
        runtime._share = share;
        return runtime;
    }

    /// <summary>
    /// An order of the admin API: it holds until a reload changes the configured state, or the process ends. One to do what is configured
    /// anyway ends the last one, and leaves none.
    /// </summary>
    public void Order(DestinationMode mode) => _order = mode == ConfiguredMode ? null : mode;

    /// <summary>It has this state now, if it had not before.</summary>
    public void Stand(DestinationState destination, DateTimeOffset today)
    {
        lock (_standing) // breakers, health and reloads look at it, each under a lock of its own
        {
            var status = DestinationStatus.Of(destination);
            if (Standing?.Status != status)
            {
                Standing = new DestinationStanding(status, today);
            }
        }
    }

    /// <summary>It joins a running cluster: its share rises from now on.</summary>
    public void Join(TimeSpan now) => _joined = now;

    public bool IsStarting(TimeSpan now, TimeSpan slowStart) => _joined is { } joined && now - joined < slowStart;

    /// <summary>Share of what falls to it that it gets: all, unless it is recovering or starting slowly.</summary>
    public double Share(TimeSpan now, TimeSpan slowStart)
    {
        var share = Circuit.Breaker.Share(now);
        return IsStarting(now, slowStart) ? Math.Min(share, Math.Max(Breaker.FirstShare, (now - _joined!.Value) / slowStart)) : share;
    }

    public void Enter() => Interlocked.Increment(ref _inFlight);

    /// <summary>Enters unless <paramref name="max"/> attempts are under way.</summary>
    public bool TryEnter(int max) => BoundedCount.TryIncrement(ref _inFlight, max);

    public void Leave() => Interlocked.Decrement(ref _inFlight);

    /// <summary>An attempt has ended like this, one of <see cref="AttemptOutcome.All"/>.</summary>
    public void Attempted(string outcome) => Interlocked.Increment(ref _attempts[AttemptOutcome.IndexOf(outcome)]);

    /// <summary>Counts attempts in <paramref name="counts"/>, which the endpoints of a destination share.</summary>
    public void ShareAttempts(long[] counts) => _attempts = counts;

    /// <summary>Attempts that ended like this since the destination was first seen at its address.</summary>
    public long AttemptsOf(int outcome) => Volatile.Read(ref _attempts[outcome]);

    private static Circuit NewCircuit(BreakerSettings breaker, EjectionSettings ejection) => new(breaker, TimesOf(breaker, ejection));

    private static OpenTimes TimesOf(BreakerSettings breaker, EjectionSettings ejection) =>
        new(ejection.Base, ejection.Max, Doubles: false, Jitter: 0.1, breaker.RecoverOver);
}
