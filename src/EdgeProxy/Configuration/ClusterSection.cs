using System.Collections.Frozen;
using System.Globalization;
using System.Security.Authentication;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Configuration;

/// <summary>A cluster: its keys, and how they become YARP's <see cref="ClusterConfig"/>.</summary>
internal static class ClusterSection
{
    /// <summary>Key of YARP's metadata that holds the stamp of our settings, so that a change of them is a change of the cluster.</summary>
    private const string StampKey = "edgeproxy.settings";

    /// <summary>Key of YARP's metadata that holds `Timeouts.Connect`, for who makes the cluster's connections.</summary>
    private const string ConnectKey = "edgeproxy.connect";

    /// <summary>Key of YARP's metadata that holds `Timeouts.PingDelay` and `PingTimeout`, likewise.</summary>
    private const string PingsKey = "edgeproxy.pings";

    private static readonly TextShape Address = new() { Meaning = "an absolute http or https address" };

    private const string HeaderPrefix = "Header:";

    private static readonly TextShape HashKey = new()
    {
        Pattern = "^([Cc][Ll][Ii][Ee][Nn][Tt]|[Hh][Ee][Aa][Dd][Ee][Rr]:[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128})$",
        Meaning = "Client or Header:NAME",
    };

    private static readonly ObjectShape Destination = new(
        new Key("Address", Address, "Where requests go, such as `http://10.0.0.7:5001/`.") { Required = true },
        new Key("Health", Address, "Where active probes go; Address when absent."),
        new Key("Host", new TextShape { Meaning = "a host" }, "Host field to send when no transform says otherwise; the name for TLS."),
        new Key("State", TextShape.OneOf<DestinationMode>(),
            "`Draining`: only requests of sessions that are bound to it. `Down`: none.")
        { Default = nameof(DestinationMode.Up) },
        new Key("Weight", new NumberShape(0, 1000), "Share of requests in proportion to the others' weights; 0 is like `Draining`.")
        { Default = "1" },
        new Key("Metadata", RouteSection.Metadata, "Texts for extensions."));

    private static readonly ObjectShape HttpClient = new(
        new Key("SslProtocols", new ListShape(new TextShape
        {
            Values = ["None", "Tls", "Tls11", "Tls12",
            "Tls13"]
        })
        { Distinct = true },
            "TLS versions toward destinations. Absent: the platform's choice."),
        new Key("DangerousAcceptAnyServerCertificate", new SwitchShape(),
            "Do not check certificates of destinations.")
        { Default = "false" },
        new Key("MaxConnectionsPerServer", new NumberShape(1, int.MaxValue), "Connections to one destination. Absent: no limit."),
        new Key("EnableMultipleHttp2Connections", new SwitchShape(), "More HTTP/2 connections when the streams of one are used up.")
        { Default = "true" },
        new Key("RequestHeaderEncoding", new TextShape { Meaning = "the name of an encoding" },
            "Encoding of request fields. Absent: Latin-1."),
        new Key("ResponseHeaderEncoding", new TextShape { Meaning = "the name of an encoding" },
            "Encoding of response fields. Absent: Latin-1."),
        new Key("WebProxy", new ObjectShape(
            new Key("Address", Address, "Proxy to go through."),
            new Key("BypassOnLocal", new SwitchShape(), "Reach local addresses without the proxy.") { Default = "false" },
            new Key("UseDefaultCredentials", new SwitchShape(),
                "Send the process's credentials to the proxy.")
            { Default = "false" }),
            "A proxy between the edge and the destinations."));

    private static readonly ObjectShape HttpRequest = new(
        new Key("ActivityTimeout", RouteSection.Timeout,
            "How long a request may lie still, no byte either way.")
        { Default = "100s" },
        new Key("Version", new TextShape { AnyScalar = true, Values = ["1.0", "1.1", "2", "2.0", "3", "3.0"] },
            "HTTP version to ask for.")
        { Default = "2" },
        new Key("VersionPolicy", TextShape.OneOf<HttpVersionPolicy>(), "What to do when that version cannot be had.")
        { Default = nameof(HttpVersionPolicy.RequestVersionOrLower) },
        new Key("AllowResponseBuffering", new SwitchShape(), "Let the server buffer answers.") { Default = "false" });

    public static ObjectShape Shape { get; } = new(
        new Key("Destinations", new MapShape(Destination, "destination"), "Where requests may go, by id.") { Required = true },
        new Key("LoadBalancingPolicy",
            Known("PowerOfTwoChoices", "FirstAlphabetical", "Random", "RoundRobin", "LeastRequests", "ConsistentHash"),
            "How a destination is chosen.")
        { Default = "PowerOfTwoChoices" },
        new Key("HashBy", HashKey, "What `ConsistentHash` keeps together. `Header:NAME`: the field's value; without the field, the client.")
        { Default = "Client" },
        new Key("Timeouts", TimeoutSection.Shape, "How long destinations are waited for."),
        new Key("RetryBudget", RetrySection.Budget, "How many requests are sent again at most, of routes with `Retry`."),
        new Key("CircuitBreaker", BreakerSection.Shape, "When to stop sending requests to what fails."),
        new Key("Ejection", BreakerSection.Ejection, "How a destination that fails is left out."),
        new Key("Concurrency", ConcurrencySection.Shape, "How many requests may be under way at once. Absent: no bound."),
        new Key("PanicThreshold", new RatioShape(0, 1),
            "Below this share of available destinations, of two or more, all that are up get requests. 0: never; with nothing left, 503.")
        { Default = "0" },
        new Key("SlowStart", new DurationShape(TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1)),
            "How long a destination that joins takes to come to its full share; never at the start of the process. Absent: none."),
        new Key("SessionAffinity", AffinitySection.Shape, "Requests of one session go to one destination."),
        new Key("HealthCheck", HealthSection.Shape, "Which destinations get requests."),
        new Key("HttpClient", HttpClient, "Connections to destinations."),
        new Key("HttpRequest", HttpRequest, "Requests to destinations."),
        new Key("Metadata", RouteSection.Metadata, "Texts for extensions and for YARP's policies."));

    public static ClusterSettings BindSettings(Entry entry) => new()
    {
        ClusterId = entry.Id,
        Timeouts = TimeoutSection.Bind(
            entry.Section.Object("Timeouts"), entry.Section.Object("HttpRequest").Duration("ActivityTimeout")),
        RetryBudget = RetrySection.BindBudget(entry.Section.Object("RetryBudget")),
        Breaker = BreakerSection.Bind(entry.Section.Object("CircuitBreaker")),
        Ejection = BreakerSection.BindEjection(entry.Section.Object("Ejection")),
        Concurrency = ConcurrencySection.Bind(entry.Section.Object("Concurrency")),
        PanicThreshold = entry.Section.OptionalRatio("PanicThreshold") ?? 0,
        HashHeader = entry.Section.Text("HashBy") is { } by && by.StartsWith(HeaderPrefix, StringComparison.OrdinalIgnoreCase)
            ? by[HeaderPrefix.Length..]
            : null,
        SlowStart = entry.Section.Duration("SlowStart"),
        Destinations = entry.Section.Entries("Destinations").ToFrozenDictionary(
            d => d.Id,
            d => new DestinationSettings
            {
                State = d.Section.Choice<DestinationMode>("State"),
                Weight = (int)d.Section.Number("Weight"),
            },
            StringComparer.OrdinalIgnoreCase),
    };

    /// <summary>What YARP is given: its own keys, and a stamp of ours.</summary>
    public static ClusterConfig Stamped(ClusterConfig cluster, ClusterSettings settings) => cluster with
    {
        HttpRequest = settings.Timeouts.Idle == TimeoutSettings.DefaultIdle
            ? cluster.HttpRequest
            : (cluster.HttpRequest ?? new ForwarderRequestConfig()) with { ActivityTimeout = settings.Timeouts.Idle },
        Metadata = new Dictionary<string, string>(cluster.Metadata ?? new Dictionary<string, string>(), StringComparer.OrdinalIgnoreCase)
        {
            [StampKey] = settings.Stamp,
            [ConnectKey] = settings.Timeouts.Connect.ToString("c", CultureInfo.InvariantCulture),
            [PingsKey] = string.Create(CultureInfo.InvariantCulture, $"{settings.Timeouts.PingDelay:c} {settings.Timeouts.PingTimeout:c}"),
        },
    };

    /// <summary>Time that a connection may take, from the metadata of a cluster that was <see cref="Stamped"/>.</summary>
    public static TimeSpan ConnectOf(IReadOnlyDictionary<string, string>? metadata) =>
        metadata?.GetValueOrDefault(ConnectKey) is { } text
            ? TimeSpan.ParseExact(text, "c", CultureInfo.InvariantCulture)
            : TimeoutSettings.DefaultConnect;

    /// <summary>When HTTP/2 connections are pinged, from the same metadata.</summary>
    public static (TimeSpan Delay, TimeSpan Timeout) PingsOf(IReadOnlyDictionary<string, string>? metadata) =>
        metadata?.GetValueOrDefault(PingsKey)?.Split(' ') is [var delay, var timeout]
            ? (TimeSpan.Parse(delay, CultureInfo.InvariantCulture), TimeSpan.Parse(timeout, CultureInfo.InvariantCulture))
            : (TimeoutSettings.DefaultPing, TimeoutSettings.DefaultPing);

    public static ClusterConfig Bind(Entry entry)
    {
        var cluster = entry.Section;
        return new ClusterConfig
        {
            ClusterId = entry.Id,
            LoadBalancingPolicy = cluster.Text("LoadBalancingPolicy"),
            SessionAffinity = AffinitySection.Bind(cluster.Object("SessionAffinity")),
            HealthCheck = HealthSection.Bind(cluster.Object("HealthCheck")),
            HttpClient = BindClient(cluster.Object("HttpClient")),
            HttpRequest = BindRequest(cluster.Object("HttpRequest")),
            Metadata = cluster.TextMap("Metadata"),
            Destinations = cluster.Entries("Destinations").ToDictionary(
                d => d.Id, d => BindDestination(d.Section), StringComparer.OrdinalIgnoreCase),
        };
    }

    public static TextShape Known(params string[] names) => new() { Values = [.. names], Code = FaultCodes.UnknownPolicy };

    private static DestinationConfig BindDestination(Section destination) => new()
    {
        Address = destination.Text("Address") ?? "",
        Health = destination.Text("Health"),
        Host = destination.Text("Host"),
        Metadata = destination.TextMap("Metadata"),
    };

    private static HttpClientConfig? BindClient(Section client) => !client.Exists ? null : new HttpClientConfig
    {
        SslProtocols = client.Has("SslProtocols")
            ? client.Texts("SslProtocols").Aggregate(SslProtocols.None, (all, one) => all | Enum.Parse<SslProtocols>(one))
            : null,
        DangerousAcceptAnyServerCertificate = client.OptionalSwitch("DangerousAcceptAnyServerCertificate"),
        MaxConnectionsPerServer = (int?)client.OptionalNumber("MaxConnectionsPerServer"),
        EnableMultipleHttp2Connections = client.OptionalSwitch("EnableMultipleHttp2Connections"),
        RequestHeaderEncoding = client.Text("RequestHeaderEncoding"),
        ResponseHeaderEncoding = client.Text("ResponseHeaderEncoding"),
        WebProxy = BindProxy(client.Object("WebProxy")),
    };

    private static WebProxyConfig? BindProxy(Section proxy) => !proxy.Exists ? null : new WebProxyConfig
    {
        Address = Uri.TryCreate(proxy.Text("Address"), UriKind.Absolute, out var address) ? address : null,
        BypassOnLocal = proxy.OptionalSwitch("BypassOnLocal"),
        UseDefaultCredentials = proxy.OptionalSwitch("UseDefaultCredentials"),
    };

    private static ForwarderRequestConfig? BindRequest(Section request) => !request.Exists ? null : new ForwarderRequestConfig
    {
        ActivityTimeout = request.OptionalDuration("ActivityTimeout"),
        Version = VersionOf(request.Text("Version")!),
        VersionPolicy = request.Choice<HttpVersionPolicy>("VersionPolicy"),
        AllowResponseBuffering = request.OptionalSwitch("AllowResponseBuffering"),
    };

    private static Version VersionOf(string text) => Version.TryParse(text, out var version)
        ? version
        : new Version(int.Parse(text, CultureInfo.InvariantCulture), 0);
}
