using EdgeProxy.RateLimiting;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

/// <summary>A route: its keys, and how they become YARP's <see cref="RouteConfig"/>.</summary>
internal static class RouteSection
{
    public const int PoliciesMax = 8;

    public const string NonConforming = "NonConforming";

    /// <summary>Timers of the platform end a little above this.</summary>
    public static readonly DurationShape Timeout = new(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(24));

    public static readonly MapShape Metadata = new(new TextShape { AnyScalar = true }, "text");

    private static readonly TextShape FieldName = new() { Pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$", Meaning = "a field name" };

    private static readonly ObjectShape Header = new(
        new Key("Name", FieldName, "Field to look at.") { Required = true },
        new Key("Values", new ListShape(new TextShape { AnyScalar = true }),
            "Values of which one must fit; none with `Exists` and `NotExists`."),
        new Key("Mode", TextShape.OneOf<HeaderMatchMode>(), "How the field's value is compared.")
        { Default = nameof(HeaderMatchMode.ExactHeader) },
        new Key("IsCaseSensitive", new SwitchShape(), "Case matters.") { Default = "false" });

    private static readonly ObjectShape QueryParameter = new(
        new Key("Name", new TextShape { Pattern = "^[\\s\\S]+$", Meaning = "the name of a parameter" }, "Parameter to look at.")
        { Required = true },
        new Key("Values", new ListShape(new TextShape { AnyScalar = true }), "Values of which one must fit; none with `Exists`."),
        new Key("Mode", TextShape.OneOf<QueryParameterMatchMode>(), "How the parameter's value is compared.")
        { Default = nameof(QueryParameterMatchMode.Exact) },
        new Key("IsCaseSensitive", new SwitchShape(), "Case matters.") { Default = "false" });

    private static readonly TextShape Method = new() { Values = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"] };

    private static readonly ObjectShape Match = new(
        new Key("Path", new TextShape { Meaning = "a route template" },
            "Template such as `/orders/{**rest}`. Absent: every path, and Hosts must be given."),
        new Key("Hosts", new ListShape(new TextShape { Meaning = "a host" }) { Distinct = true },
            "Hosts such as `example.com`, `*.example.com` or `example.com:8443`. Absent: every host."),
        new Key("Methods", new ListShape(Method) { Distinct = true }, "HTTP methods. Absent: every method."),
        new Key("Headers", new ListShape(Header), "Request fields that must fit, all of them."),
        new Key("QueryParameters", new ListShape(QueryParameter), "Query parameters that must fit, all of them."));

    public static ObjectShape Shape { get; } = new(
        new Key("ClusterId", new TextShape { Meaning = "the id of a cluster" },
            "Cluster that takes the route's requests.")
        { Required = true },
        new Key("Match", Match, "Which requests the route takes: a path or hosts at least.") { Required = true },
        new Key("Order", new NumberShape(int.MinValue, int.MaxValue),
            "Routes with a lower order are tried first.")
        { Default = "0" },
        new Key("RateLimiterPolicy", new TextShape { Meaning = "the id of a rate limit" },
            "One rate limit; `Default` and `Disable` mean none."),
        new Key("RateLimits", new ListShape(new TextShape { Meaning = "the id of a rate limit" }, 1, PoliciesMax) { Distinct = true },
            "Rate limits that must all admit; none is charged when one refuses. Instead of RateLimiterPolicy."),
        new Key("Cost", new NumberShape(1, Rate.LargestCapacity),
            "Tokens that a request takes from each limit. Above a limit's capacity every request is refused.")
        { Default = "1" },
        new Key("CostHeader", FieldName,
            "Response field of the upstream with the tokens that the request really cost, from 0; settled afterwards, and removed."),
        new Key("MaxCost", new NumberShape(1, Rate.LargestCapacity),
            "Tokens that a request is charged at most, whatever CostHeader says. At least `Cost`. Absent: no such bound."),
        new Key("RequireClient", new SwitchShape(), "Answer 401 to clients without a recognised key.") { Default = "false" },
        new Key("Owner", new TextShape(), "Team to ask about this route; shown by the admin API."),
        new Key("Timeout", Timeout, "For the whole request. Absent: no such bound."),
        new Key("AbandonedAfter", new DurationShape(TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1)),
            "A client that leaves after so long a wait for the head of a response is a failure of the upstream: `upstream_abandoned`.")
        { Default = "5s" },
        new Key("Timeouts", TimeoutSection.OfRoute, "How long destinations are waited for; instead of the cluster's, all of them."),
        new Key("Retry", RetrySection.Shape, "Send a request again, elsewhere, when an attempt has failed. Absent: never."),
        new Key("NormalizeUpstreamErrors", new TextShape { Values = [NonConforming] },
            "`NonConforming`: answers of 400 and more whose body is no problem+json, 64 KiB at most, get the edge's. Absent: none."),
        new Key("Concurrency", ConcurrencySection.OfRoute, "How many requests may be under way at once. Absent: no bound."),
        new Key("Hedge", HedgeSection.Shape, "Send a slow GET or HEAD request to a second destination as well. Absent: never."),
        new Key("Fallback", FallbackSection.Shape, "What a client gets when all attempts have failed. Absent: the failure."),
        new Key("Criticality", TextShape.OneOf<Criticality>(),
            "When its requests are refused while the edge is overloaded: `Sheddable` first, `CriticalPlus` never. See `Edge.Overload`.")
        { Default = nameof(Criticality.Critical) },
        new Key("TimeoutPolicy", CodeOnly("Disable"), "`Disable`: no timeout. Not together with Timeout."),
        new Key("MaxRequestBodySize", new NumberShape(-1, 1L << 53),
            "Request body in bytes, instead of Edge.Requests.BodyBytes, and of gRPC too. -1: no limit."),
        new Key("AuthorizationPolicy", CodeOnly("Anonymous"), "`Anonymous` only: other names would have to be registered in code."),
        new Key("CorsPolicy", CodeOnly("Disable"), "`Disable` only: the edge answers no CORS itself, with or without this key."),
        new Key("Transforms", new ListShape(TransformSection.Shape),
            "Changes to request and response, in order; see YARP's transforms."),
        new Key("RewriteLocation", new SwitchShape(),
            "`Location` and `Content-Location` that lead to the destination get back the prefix that `PathRemovePrefix` has taken away.")
        { Default = "false" },
        new Key("Metadata", Metadata, "Texts for extensions."));

    public static bool NormalizesUpstreamErrors(Section route) => route.Text("NormalizeUpstreamErrors") is NonConforming;

    public static RouteConfig Bind(Entry entry)
    {
        var route = entry.Section;
        var match = route.Object("Match");
        return new RouteConfig
        {
            RouteId = entry.Id,
            ClusterId = route.Text("ClusterId"),
            Order = (int?)route.OptionalNumber("Order"),
            Timeout = route.OptionalDuration("Timeout"),
            TimeoutPolicy = route.Text("TimeoutPolicy"),
            MaxRequestBodySize = route.OptionalNumber("MaxRequestBodySize"),
            AuthorizationPolicy = route.Text("AuthorizationPolicy"),
            Transforms = route.Has("Transforms") ? [.. route.Items("Transforms").Select(TransformSection.Bind)] : null,
            Metadata = route.TextMap("Metadata"),
            Match = new RouteMatch
            {
                Path = match.Text("Path"),
                Hosts = NullIfEmpty(match.Texts("Hosts")),
                Methods = NullIfEmpty(match.Texts("Methods")),
                Headers = match.Has("Headers") ? [.. match.Items("Headers").Select(BindHeader)] : null,
                QueryParameters = match.Has("QueryParameters") ? [.. match.Items("QueryParameters").Select(BindQueryParameter)] : null,
            },
        };
    }

    private static RouteHeader BindHeader(Section header) => new()
    {
        Name = header.Text("Name") ?? "",
        Values = NullIfEmpty(header.Texts("Values")),
        Mode = header.Choice<HeaderMatchMode>("Mode"),
        IsCaseSensitive = header.Switch("IsCaseSensitive"),
    };

    private static RouteQueryParameter BindQueryParameter(Section parameter) => new()
    {
        Name = parameter.Text("Name") ?? "",
        Values = NullIfEmpty(parameter.Texts("Values")),
        Mode = parameter.Choice<QueryParameterMatchMode>("Mode"),
        IsCaseSensitive = parameter.Switch("IsCaseSensitive"),
    };

    private static IReadOnlyList<string>? NullIfEmpty(IReadOnlyList<string> values) => values.Count > 0 ? values : null;

    private static TextShape CodeOnly(string value) => new() { Values = [value], Code = FaultCodes.UnknownPolicy };
}
