using System.Net;
using EdgeProxy.Configuration;
using EdgeProxy.Resilience;
using EdgeProxy.Shedding;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Health;

/// <summary>
/// A cluster as the admin API shows it: what is in effect, whether it was written or is a default. Keys of a section that is there
/// have their defaults already; the ones here are for sections that are not.
/// </summary>
internal sealed record ClusterView(
    string Id,
    string LoadBalancingPolicy,
    string? HashHeader,
    SessionAffinityView SessionAffinity,
    HealthCheckView HealthCheck,
    HttpRequestView HttpRequest,
    HttpClientView HttpClient,
    TimeoutView Timeouts,
    RetryBudgetSettings RetryBudget,
    BreakerSettings CircuitBreaker,
    EjectionSettings Ejection,
    GateView? Concurrency,
    double PanicThreshold,
    TimeSpan? SlowStart,
    BreakerView Breaker,
    bool Panic,
    int InFlight,
    IReadOnlyList<DestinationView> Destinations)
{
    public static ClusterView Of(ClusterState cluster, HealthReasons reasons, DestinationHealthKeeper keeper)
    {
        var config = cluster.Model.Config;
        var runtime = ClusterRuntime.Of(cluster);
        var available = cluster.DestinationsState.AvailableDestinations;
        return new ClusterView(
            cluster.ClusterId,
            config.LoadBalancingPolicy!,
            runtime.Settings.HashHeader,
            SessionAffinityView.Of(config.SessionAffinity),
            HealthCheckView.Of(config.HealthCheck!),
            HttpRequestView.Of(config),
            HttpClientView.Of(config.HttpClient),
            TimeoutView.Of(runtime.Settings.Timeouts),
            runtime.Settings.RetryBudget,
            runtime.Settings.Breaker,
            runtime.Settings.Ejection,
            GateView.Of(runtime.Gate),
            runtime.Settings.PanicThreshold,
            runtime.Settings.SlowStart > TimeSpan.Zero ? runtime.Settings.SlowStart : null,
            BreakerView.Of(runtime.Circuit),
            AvailabilityPolicy.IsPanic(cluster),
            cluster.Destinations.Values.Sum(destination => DestinationRuntime.Of(destination).InFlight),
            [.. cluster.Destinations().OrderBy(destination => destination.Key, StringComparer.Ordinal)
                .Select(destination => DestinationView.Of(destination, available, reasons, keeper))]);
    }
}

/// <param name="State">healthy, unhealthy, unknown, draining, ejected or down.</param>
/// <param name="Since">When it came to this state: when it was first seen, at its address, if it has had no other.</param>
/// <param name="Until">When time alone ends it: an ejection, or what passive checks keep out. Else null.</param>
/// <param name="Mode">What it is meant to do: Up, Draining or Down.</param>
/// <param name="ModeIsOrdered">The mode is an order of this API, which a reload or the end of the process may end.</param>
/// <param name="Available">Whether requests are sent there at the moment.</param>
/// <param name="Active">What probes say.</param>
/// <param name="Passive">What requests say.</param>
/// <param name="Reason">Why it is in this state; null when nothing was said, or the configuration wants it so.</param>
/// <param name="Attempts">Attempts by outcome since it was first seen at its address, as in `edgeproxy_destination_attempts_total`.</param>
internal sealed record DestinationView(
    string Id,
    string Address,
    string? Health,
    int Weight,
    string State,
    DateTimeOffset? Since,
    DateTimeOffset? Until,
    string Mode,
    bool ModeIsOrdered,
    bool Available,
    string Active,
    string Passive,
    string? Reason,
    BreakerView Breaker,
    int InFlight,
    IReadOnlyDictionary<string, long> Attempts)
{
    /// <summary>What its name stands for, each with a state of its own; null when its address is no name, or an unresolved one.</summary>
    public IReadOnlyList<EndpointView>? Addresses { get; init; }

    /// <summary>A destination with several endpoints is shown as the one of them that is best off.</summary>
    public static DestinationView Of(
        IGrouping<string, DestinationState> destination,
        IReadOnlyList<DestinationState> available,
        HealthReasons reasons,
        DestinationHealthKeeper keeper)
    {
        var endpoints = destination
            .OrderBy(one => one.DestinationId, StringComparer.Ordinal)
            .Select(one => (one.DestinationId, one.Model.Config, View: Of(one, available.Contains(one), reasons, keeper)))
            .ToList();
        var best = destination.MinBy(one => DestinationStatus.Badness(DestinationStatus.Of(one)))!;
        return endpoints.Find(one => one.DestinationId == best.DestinationId).View with
        {
            Id = destination.Key,
            Address = EndpointId.AddressOf(best.Model.Config),
            Available = endpoints.Any(one => one.View.Available),
            InFlight = endpoints.Sum(one => one.View.InFlight),
            Addresses = EndpointId.IsEndpoint(best.DestinationId)
                ? [.. endpoints.Select(one => EndpointView.Of(new Uri(one.Config.Address).Authority, one.View))]
                : null,
        };
    }

    private static DestinationView Of(
        DestinationState destination, bool available, HealthReasons reasons, DestinationHealthKeeper keeper)
    {
        var runtime = DestinationRuntime.Of(destination);
        var status = DestinationStatus.Of(destination);
        var (reason, until) = status switch
        {
            DestinationStatus.Status.Down or DestinationStatus.Status.Draining =>
                (runtime.IsOrdered ? "ordered by the admin API" : null, null),
            DestinationStatus.Status.Ejected => (runtime.Circuit.Standing.Reason, runtime.Circuit.Standing.Until),
            _ when destination.Health.Active == DestinationHealth.Unhealthy => (reasons.Of(destination), null),
            _ => (reasons.Of(destination), keeper.ReactivationOf(destination)),
        };
        return new DestinationView(
            destination.DestinationId,
            destination.Model.Config.Address,
            destination.Model.Config.Health,
            runtime.ConfiguredWeight,
            DestinationStatus.WordFor(status),
            runtime.Standing?.Since,
            until,
            runtime.Mode.ToString(),
            runtime.IsOrdered,
            available,
            Word(destination.Health.Active),
            Word(destination.Health.Passive),
            reason,
            BreakerView.Of(runtime.Circuit),
            runtime.InFlight,
            AttemptOutcome.All.Index().ToDictionary(outcome => outcome.Item, outcome => runtime.AttemptsOf(outcome.Index)));
    }

    private static string Word(DestinationHealth health) => health switch
    {
        DestinationHealth.Healthy => "healthy",
        DestinationHealth.Unhealthy => "unhealthy",
        _ => "unknown",
    };
}

/// <param name="Address">Address and port.</param>
internal sealed record EndpointView(
    string Address,
    string State,
    DateTimeOffset? Since,
    DateTimeOffset? Until,
    bool Available,
    string Active,
    string Passive,
    string? Reason,
    BreakerView Breaker,
    int InFlight)
{
    public static EndpointView Of(string address, DestinationView view) => new(
        address, view.State, view.Since, view.Until, view.Available, view.Active, view.Passive, view.Reason, view.Breaker, view.InFlight);
}

/// <param name="State">closed, open, halfopen or recovering.</param>
/// <param name="Opens">Times it has opened without having stayed closed for long in between.</param>
/// <param name="Since">When it came to this state; null when it has been closed from the beginning.</param>
/// <param name="Until">When it is half-open (from open) or closed (from recovering) by time alone; null in the other states.</param>
/// <param name="Reason">Why it opened; null once it is closed again.</param>
internal sealed record BreakerView(string State, DateTimeOffset? Since, DateTimeOffset? Until, int Opens, string? Reason)
{
    public static BreakerView Of(Circuit circuit)
    {
        var standing = circuit.Standing;
        return new BreakerView(
            standing.State.ToString().ToLowerInvariant(), standing.Since, standing.Until, circuit.Breaker.Opens, standing.Reason);
    }
}

internal sealed record SessionAffinityView(bool Enabled, string? Policy, string? FailurePolicy, string? AffinityKeyName)
{
    public static SessionAffinityView Of(SessionAffinityConfig? config) => config is { Enabled: true }
        ? new(true, config.Policy, config.FailurePolicy, config.AffinityKeyName)
        : new(false, null, null, null);
}

internal sealed record HealthCheckView(ActiveCheckView Active, PassiveCheckView Passive, string AvailableDestinationsPolicy)
{
    public static HealthCheckView Of(HealthCheckConfig config) => new(
        ActiveCheckView.Of(config.Active), PassiveCheckView.Of(config.Passive), config.AvailableDestinationsPolicy!);
}

internal sealed record ActiveCheckView(bool Enabled, string? Policy, TimeSpan? Interval, TimeSpan? Timeout, string? Path, string? Query)
{
    public static ActiveCheckView Of(ActiveHealthCheckConfig? config) => config is { Enabled: true }
        ? new(
            true,
            config.Policy,
            config.Interval,
            config.Timeout,
            config.Path ?? "/",
            config.Query)
        : new(false, null, null, null, null, null);
}

internal sealed record PassiveCheckView(bool Enabled, string? Policy, TimeSpan? ReactivationPeriod)
{
    public static PassiveCheckView Of(PassiveHealthCheckConfig? config) => config is { Enabled: true }
        ? new(true, config.Policy, config.ReactivationPeriod ?? FailureRatePolicy.DefaultReactivation)
        : new(false, null, null);
}

internal sealed record HttpRequestView(TimeSpan ActivityTimeout, string Version, string VersionPolicy, bool AllowResponseBuffering)
{
    public static HttpRequestView Of(ClusterConfig cluster) => new(
        cluster.HttpRequest?.ActivityTimeout ?? TimeoutSettings.DefaultIdle,
        (cluster.HttpRequest?.Version ?? HttpVersion.Version20).ToString(),
        (cluster.HttpRequest?.VersionPolicy ?? HttpVersionPolicy.RequestVersionOrLower).ToString(),
        cluster.HttpRequest?.AllowResponseBuffering ?? false);
}

internal sealed record HttpClientView(
    int? MaxConnectionsPerServer, bool EnableMultipleHttp2Connections, bool DangerousAcceptAnyServerCertificate)
{
    public static HttpClientView Of(HttpClientConfig? config) => new(
        config?.MaxConnectionsPerServer,
        config?.EnableMultipleHttp2Connections ?? true,
        config?.DangerousAcceptAnyServerCertificate ?? false);
}
