using System.Collections.Frozen;
using System.Collections.Immutable;
using EdgeProxy.Clients;
using EdgeProxy.RateLimiting;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

/// <summary>
/// A configuration that has been read and is being checked: values beside the document they come from. Faulty values
/// stand at their defaults, so that one fault does not hide another.
/// </summary>
internal sealed class Draft
{
    public required Section Root { get; init; }

    /// <summary>Every file could be read; otherwise something missing may stand in a file that could not.</summary>
    public required bool IsComplete { get; init; }

    public required EdgeOptions Edge { get; init; }

    public required ImmutableArray<PolicyDraft> Policies { get; init; }

    public required ImmutableArray<RouteDraft> Routes { get; init; }

    public required ImmutableArray<ClusterDraft> Clusters { get; init; }

    /// <summary>What clients have of their own; each entry is named after a rate limit.</summary>
    public IEnumerable<Entry> LimitsOfClients => ClientSection.Entries(Root.Object("Clients"))
        .SelectMany(client => client.Section.Entries(RateLimitSection.OfClient.Name));

    public static Draft Bind(Section root, bool isComplete)
    {
        var proxy = root.Object("ReverseProxy");
        var clients = RateLimitSection.BindClients(root.Object("Clients"));
        return new Draft
        {
            Root = root,
            IsComplete = isComplete,
            Edge = EdgeSection.Bind(root.Object("Edge")),
            Policies = [.. root.Entries("RateLimits").Select(e => new PolicyDraft(e, RateLimitSection.Bind(e, clients)))],
            Routes = [.. proxy.Entries("Routes").Select(e => new RouteDraft(e, RouteSection.Bind(e)))],
            Clusters = [.. proxy.Entries("Clusters").Select(e => new ClusterDraft(e, ClusterSection.Bind(e)))],
        };
    }

    /// <summary>The revision of a draft without faults.</summary>
    public Revision ToRevision(IReadOnlyList<SourceFile> files, TimeProvider time)
    {
        var policies = Policies.ToFrozenDictionary(p => p.Policy.Name, StringComparer.OrdinalIgnoreCase);
        var settings = Clusters.ToFrozenDictionary(
            c => c.Config.ClusterId, c => ClusterSection.BindSettings(c.Entry), StringComparer.OrdinalIgnoreCase);
        var routes = Routes.Select(route => route.ToSettings(policies, settings)).ToList();
        return new Revision
        {
            Hash = ConfigurationFiles.Hash(files),
            LoadedAt = time.GetUtcNow(),
            Files = [.. files.Select(f => f.Name)],
            Edge = Edge,
            EdgePlaces = StartOnlySettings.PlacesIn(Root.Object("Edge")),
            Clients = ClientSection.Bind(Root.Object("Clients")),
            Policies = Policies.ToFrozenDictionary(p => p.Policy.Name, p => p.Policy, StringComparer.OrdinalIgnoreCase),
            Routes = routes.ToFrozenDictionary(r => r.RouteId, StringComparer.OrdinalIgnoreCase),
            Clusters = settings,
            WrittenInRoutes = WrittenValues.Of(Routes.Select(route => route.Entry)),
            WrittenInClusters = WrittenValues.Of(Clusters.Select(cluster => cluster.Entry)),
            WrittenInPolicies = WrittenValues.Of(Policies.Select(policy => (policy.Entry, ImmutableArray<string>.Empty)).Concat(
                from client in ClientSection.Entries(Root.Object("Clients"))
                from own in client.Section.Entries(RateLimitSection.OfClient.Name)
                select (own, ImmutableArray.Create("Clients", client.Id)))),
            ProxyRoutes = [.. Routes.Zip(routes, (route, settings) => route.Config with { ClusterId = settings.ClusterId })],
            ProxyClusters = [.. Clusters.Select(c => ClusterSection.Stamped(c.Config, settings[c.Config.ClusterId]))],
        };
    }
}

internal sealed record PolicyDraft(Entry Entry, RateLimitPolicy Policy);

internal sealed record ClusterDraft(Entry Entry, ClusterConfig Config);

internal sealed record RouteDraft(Entry Entry, RouteConfig Config)
{
    /// <summary>The values that name a rate limit, whichever key they stand under. `Default` and `Disable` name none.</summary>
    public IEnumerable<ScalarNode> PolicyNames => Entry.Section.Find("RateLimiterPolicy") is ScalarNode single
        ? IsReserved(single.Text) ? [] : [single]
        : Entry.Section.Scalars("RateLimits");

    /// <summary>The values that name a cluster.</summary>
    public IEnumerable<ScalarNode> ClusterNames =>
        new[] { Entry.Section.Find("ClusterId"), Entry.Section.Object("Fallback").Find("Cluster") }.OfType<ScalarNode>();

    /// <summary>The key, or an item of its list, names something by a variable that is not looked at here.</summary>
    public bool NamesUnknown(string key) => Entry.Section.IsUnknown(key)
        || (Entry.Section.Find(key) is ListNode list && list.Items.Any(item => item is ScalarNode { IsUnknown: true }));

    public static bool IsReserved(string policy) =>
        policy.Equals("Default", StringComparison.OrdinalIgnoreCase) || policy.Equals("Disable", StringComparison.OrdinalIgnoreCase);

    public RouteSettings ToSettings(
        FrozenDictionary<string, PolicyDraft> policies, FrozenDictionary<string, ClusterSettings> clusters)
    {
        var timeouts = Entry.Section.Object("Timeouts");
        var retry = RetrySection.Bind(Entry.Section.Object("Retry"));
        var fallback = FallbackSection.Bind(Entry.Section.Object("Fallback"), timeouts, clusters);
        return new RouteSettings
        {
            RouteId = Entry.Id,
            ClusterId = clusters[Config.ClusterId!].ClusterId,
            Timeout = Config.Timeout,
            AbandonedAfter = Entry.Section.Duration("AbandonedAfter"),
            Retry = retry,
            Fallback = fallback,
            Hedge = HedgeSection.Bind(Entry.Section.Object("Hedge")),
            KeptBodyBytes = retry is { Attempts: > 1 } || fallback?.Cluster is not null
                ? (retry ?? new RetrySettings()).ReplayBodyBytes
                : 0,
            Timeouts = TimeoutSection.BindRoute(timeouts, clusters[Config.ClusterId!].Timeouts),
            Concurrency = ConcurrencySection.Bind(Entry.Section.Object("Concurrency")),
            Criticality = Entry.Section.Choice<Criticality>("Criticality"),
            RateLimits = [.. PolicyNames.Select(name => policies[name.Text].Policy)],
            Cost = Entry.Section.Number("Cost") * Rate.Token,
            CostHeader = Entry.Section.Text("CostHeader"),
            MaxCost = Entry.Section.Has("MaxCost") ? Entry.Section.Number("MaxCost") * Rate.Token : long.MaxValue,
            RequireClient = Entry.Section.Switch("RequireClient"),
            NormalizesUpstreamErrors = RouteSection.NormalizesUpstreamErrors(Entry.Section),
            FailureFields = ResponseFieldChange.OfFailures(Config.Transforms),
            RewritesLocation = Entry.Section.Switch("RewriteLocation"),
            Owner = Entry.Section.Text("Owner"),
        };
    }
}
