using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using EdgeProxy.Configuration;
using EdgeProxy.Shedding;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>What the edge knows of a cluster beyond YARP's state. Kept over reloads while the cluster stays.</summary>
internal sealed class ClusterRuntime
{
    private static readonly ConditionalWeakTable<ClusterState, ClusterRuntime> Runtimes = [];

    /// <summary>Divisible by many numbers of endpoints.</summary>
    private const int WeightParts = 840;

    private readonly ConcurrentDictionary<string, (DestinationMode Mode, DestinationMode Configured)> _orders =
        new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Attempts by outcome at destinations whose endpoints come and go.</summary>
    private readonly ConcurrentDictionary<string, long[]> _attempts = new(StringComparer.OrdinalIgnoreCase);

    private uint _turn;

    private volatile bool _isTroubled;

    private LatencyWindow? _latencies;

    /// <summary>As configured: the endpoints of a name may change at each look, and the cluster stays the same.</summary>
    private HashSet<(string Id, string Address)> _destinations = [];

    public ClusterSettings Settings { get; private set; } = new() { ClusterId = "" };

    /// <summary>The cluster's own breaker: opens when no destination is left that works.</summary>
    public Circuit Circuit { get; private set; } = NewCircuit(new BreakerSettings());

    /// <summary>Attempts beyond the first that its requests still get.</summary>
    public RetryBudget Budget { get; private set; } = new(new RetryBudgetSettings());

    /// <summary>Bounds what is under way in the cluster; null: nothing does.</summary>
    public Gate? Gate { get; private set; }

    /// <summary>How long the answers to requests of routes with `Hedge` take. Made at first use.</summary>
    public LatencyWindow Latencies =>
        Volatile.Read(ref _latencies) ?? Interlocked.CompareExchange(ref _latencies, new LatencyWindow(), null) ?? _latencies;

    /// <summary>The clients that asked while it was troubled.</summary>
    public RecentClients Askers { get; } = new();

    /// <summary>To be held by whoever changes the state of a breaker of this cluster.</summary>
    public Lock Changing { get; } = new();

    /// <summary>Some breaker is not closed or some destination has not its full share: choosing takes more care.</summary>
    public bool IsTroubled
    {
        get => _isTroubled;
        set => _isTroubled = value;
    }

    /// <summary>Requests go to destinations that something speaks against.</summary>
    public bool IsPanicking { get; set; }

    /// <summary>Destinations differ in weight, so that choosing one has to look at all.</summary>
    public bool IsWeighted { get; private set; }

    /// <summary>Some destination takes requests of its sessions only.</summary>
    public bool HasDraining { get; private set; }

    public static ClusterRuntime Of(ClusterState cluster) =>
        Runtimes.TryGetValue(cluster, out var runtime) ? runtime : Runtimes.GetValue(cluster, static _ => new ClusterRuntime());

    /// <summary>Counts up, for whoever takes destinations in turn.</summary>
    public uint NextTurn() => Interlocked.Increment(ref _turn);

    /// <summary>Takes over what a revision says of the cluster and its destinations.</summary>
    public void Apply(ClusterState cluster, ClusterSettings settings)
    {
        Settings = settings;
        Bound(settings.Concurrency);
        if (Budget.Settings != settings.RetryBudget)
        {
            Budget = new RetryBudget(settings.RetryBudget);
        }

        var known = _destinations;
        _destinations = [.. cluster.Destinations.Values.Select(state => (state.ConfiguredId(), EndpointId.AddressOf(state.Model.Config)))];
        if (Circuit.Settings != settings.Breaker || !_destinations.IsSubsetOf(known))
        {
            Circuit = NewCircuit(settings.Breaker); // nothing is known of another destination, or of another configured address
        }

        var destinations = cluster.Destinations().Select(destination => (destination.Key, Endpoints: destination.ToList())).ToList();
        var isEven = destinations.Select(destination => destination.Endpoints.Count).Distinct().Count() < 2;
        foreach (var (id, endpoints) in destinations)
        {
            var share = isEven ? 1 : Math.Max(1, WeightParts / endpoints.Count); // the endpoints of a destination share its weight
            foreach (var endpoint in endpoints)
            {
                var runtime = DestinationRuntime.Apply(endpoint, settings.Of(id), (settings.Breaker, settings.Ejection), share);
                if (EndpointId.IsEndpoint(endpoint.DestinationId))
                {
                    runtime.ShareAttempts(_attempts.GetOrAdd(id, static _ => new long[AttemptOutcome.All.Count]));
                    if (OrderOf(id, settings) is { } order)
                    {
                        runtime.Order(order); // which was given to the destination, whatever its addresses
                    }
                }
            }
        }

        foreach (var id in _attempts.Keys.Except(destinations.Select(destination => destination.Key), StringComparer.OrdinalIgnoreCase))
        {
            _attempts.TryRemove(id, out _);
        }

        RefreshDestinations(cluster);
    }

    /// <summary>An order of the admin API for a destination: it holds for addresses that its name gets later, too.</summary>
    public void Order(IGrouping<string, DestinationState> destination, DestinationMode mode)
    {
        foreach (var endpoint in destination)
        {
            DestinationRuntime.Of(endpoint).Order(mode);
        }

        _orders[destination.Key] = (mode, Settings.Of(destination.Key).State);
    }

    /// <summary>Null: none, or the files have another word since.</summary>
    private DestinationMode? OrderOf(string id, ClusterSettings settings)
    {
        if (!_orders.TryGetValue(id, out var order))
        {
            return null;
        }

        if (order.Configured == settings.Of(id).State)
        {
            return order.Mode;
        }

        _orders.TryRemove(id, out _);
        return null;
    }

    /// <summary>To be called when a destination's mode or weight has changed.</summary>
    public void RefreshDestinations(ClusterState cluster)
    {
        var runtimes = cluster.Destinations.Values.Select(DestinationRuntime.Of).ToList();
        IsWeighted = runtimes.Select(runtime => runtime.Weight).Distinct().Count() > 1;
        HasDraining = runtimes.Any(runtime => runtime.Mode == DestinationMode.Draining);
    }

    /// <summary>The cluster as an earlier revision knew it: what goes there counts at the same gate.</summary>
    public void ShareGate(ClusterRuntime known) => Gate = known.Gate;

    private void Bound(ConcurrencySettings? bounds)
    {
        Gate?.Apply(bounds ?? ConcurrencySettings.None);
        Gate = bounds is null ? null : Gate ?? new Gate(bounds);
    }

    private static Circuit NewCircuit(BreakerSettings breaker) =>
        new(breaker, new OpenTimes(breaker.OpenFor, breaker.OpenForMax, Doubles: true, Jitter: 0.2, breaker.RecoverOver));
}
