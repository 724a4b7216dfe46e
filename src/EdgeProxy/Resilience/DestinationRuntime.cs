using System.Runtime.CompilerServices;
using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>What the edge knows of a destination beyond YARP's state. Kept over reloads while id and address stay.</summary>
internal sealed class DestinationRuntime
{
    private static readonly ConditionalWeakTable<DestinationState, DestinationRuntime> Runtimes = [];

    private DestinationSettings _settings = DestinationSettings.Default;
    private DestinationMode? _order;
    private int _inFlight;

    /// <summary>Attempts under way, each to the end of its answer. Probes are not among them.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Weight to choose by; one that counts as draining is chosen for its sessions only, and then alone.</summary>
    public int Weight => Math.Max(1, _settings.Weight);

    public int ConfiguredWeight => _settings.Weight;

    /// <summary>What the next request would weigh here: the lower, the better.</summary>
    public double Load => (InFlight + 1.0) / Weight;

    /// <summary>What it is meant to do now: what was ordered by the admin API, else what is configured.</summary>
    public DestinationMode Mode => _order
        ?? (_settings is { State: DestinationMode.Up, Weight: 0 } ? DestinationMode.Draining : _settings.State);

    /// <summary>The mode is an order of the admin API, not the configuration.</summary>
    public bool IsOrdered => _order is not null;

    /// <summary>Address that all this is about; null before the destination was first seen.</summary>
    public string? Address { get; private set; }

    public static DestinationRuntime Of(DestinationState destination) =>
        Runtimes.TryGetValue(destination, out var runtime) ? runtime : Runtimes.GetValue(destination, static _ => new DestinationRuntime());

    /// <summary>Takes over what a revision says. At another address everything begins anew.</summary>
    public static DestinationRuntime Apply(DestinationState destination, DestinationSettings settings)
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

        runtime.Address = address;
        runtime._settings = settings;
        return runtime;
    }

    /// <summary>An order of the admin API: it holds until a reload changes the configured state, or the process ends.</summary>
    public void Order(DestinationMode mode) => _order = mode;

    public void Enter() => Interlocked.Increment(ref _inFlight);

    public void Leave() => Interlocked.Decrement(ref _inFlight);
}
