using System.Collections.Immutable;
using System.Net;

namespace EdgeProxy.Configuration;

/// <summary>The `Edge` section: its keys, and how they become <see cref="EdgeOptions"/>.</summary>
internal static class EdgeSection
{
    private static readonly TextShape Path = new() { Meaning = "a path, relative to the configuration's folder" };

    private static readonly ObjectShape Certificate = new(
        new Key("Path", Path, "PEM file with the certificate and the chain behind it.") { Required = true },
        new Key("KeyPath", Path, "PEM file with the private key; the certificate's own file when absent."));

    private static readonly ObjectShape Listener = new(
        new Key("Url", new TextShape { Meaning = "scheme, address and port" },
            "Such as `https://0.0.0.0:8443`; the address is an IP address, `localhost` or `*`. Port 0 takes a free one.")
        { Required = true },
        new Key("Protocols", TextShape.OneOf<ListenerProtocols>(), "HTTP versions to speak.")
        { Default = nameof(ListenerProtocols.Http1AndHttp2) },
        new Key("Certificates", new ListShape(Certificate, 0, 1000),
            "For https: chosen by the name that the client asks for; the first one answers when none fits. A name may have one with an "
            + "elliptic key and one with RSA: clients that can check the former get it."));

    private static readonly ObjectShape Admin = new(
        new Key("Listen", new TextShape { Meaning = "an http address and port" },
            "Address of the admin listener. One that is not loopback wants a token.")
        { Default = "http://127.0.0.1:9901" },
        new Key("Token", new TextShape { Pattern = "^[^\\u0000-\\u001f\\u007f]*$", Meaning = "text without controls", IsSensitive = true },
            "Bearer token that all but `/livez`, `/readyz` and `/metrics` ask for. Empty: none.")
        { Default = "" });

    private static readonly ObjectShape Errors = new(
        new Key("TypeBase", new TextShape { Meaning = "the beginning of a URI" },
            "What the `type` of an error begins with; the error's code follows.")
        { Default = "urn:edgeproxy:error:" });

    private static readonly ObjectShape Requests = new(
        new Key("HeaderBytes", new NumberShape(1024, 1_048_576), "All field names and values together, in bytes. More is 431.")
        { Default = "32768" },
        new Key("HeaderCount", new NumberShape(10, 1000), "Number of fields. More is 431.") { Default = "100" },
        new Key("TargetBytes", new NumberShape(256, 65_536), "Path and query as received, in bytes. More is 414.")
        { Default = "8192" },
        new Key("BodyBytes", new NumberShape(0, 1L << 53),
            "Request body, in bytes. More is 413. Not for upgraded connections, nor for gRPC over HTTP/2 on both sides; "
            + "a route's MaxRequestBodySize overrides it.")
        { Default = "30000000" },
        new Key("UploadTimeout", new DurationShape(TimeSpan.FromSeconds(1), TimeSpan.FromHours(24)),
            "How long the edge may wait for a client to send a body, all waits together. More is 408. Not for upgraded connections, nor "
            + "for gRPC over HTTP/2 on both sides. Absent: as long as 240 bytes a second arrive."),
        new Key("MaxHops", new NumberShape(1, 100),
            "Edges that a request may have come through, as `X-Edge-Hops` counts them. As many or more is 508: a route leads back.")
        { Default = "10" });

    private static readonly ObjectShape Connections = new(
        new Key("Max", new NumberShape(1, 10_000_000),
            "Connections open at once over all listeners, upgraded ones included. More are closed at once. "
            + "Absent: half of the file descriptors that the process has left once it has started; the other half is for "
            + "connections to destinations."),
        new Key("StreamWindow", new NumberShape(65_535, 8_388_608),
            "Bytes of one HTTP/2 request body that a client may send before the edge has passed them on. A connection holds 100 times as "
            + "many in memory at most, and no stream takes the window of another. More: faster uploads from far away.")
        { Default = "262144" });

    private static readonly ObjectShape Shutdown = new(
        new Key("DrainTimeout", new DurationShape(TimeSpan.Zero, TimeSpan.FromHours(1)),
            "How long requests under way may take to finish after SIGTERM.")
        { Default = "30s" },
        new Key("AcceptFor", new DurationShape(TimeSpan.Zero, TimeSpan.FromMinutes(10)),
            "How long new connections are taken after SIGTERM or SIGQUIT, while `/readyz` is 503 already: until load balancers have heard "
            + "of it. Part of `DrainTimeout`, half of it at most. Not after SIGINT, nor in `demo`.")
        { Default = "5s" });

    private static readonly ObjectShape AccessLog = new(
        new Key("Enabled", new SwitchShape(), "Write a line of JSON for each request: what was decided, and why.") { Default = "false" },
        new Key("Path", Path,
            "File that lines are appended to; it may be moved away at any time. New, or begun by the edge, no link, and not in the folders "
            + "of the configuration or of `--state`; or a pipe or device. Applies at the next start. Absent: standard output."),
        new Key("Query", new SwitchShape(), "Write queries too, values and all: they may hold secrets.") { Default = "false" });

    public static ObjectShape Shape { get; } = new(
        new Key("Name", new TextShape { Pattern = "^[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]{0,63}$", Meaning = "a token of at most 64 letters" },
            "Name of this edge in `Proxy-Status` and logs. Applies at the next start.")
        { Default = "edgeproxy" },
        new Key("Listen", new ListShape(new ShorthandShape(Listener, "Url"), 1, 100),
            "Addresses that take traffic. Applies at the next start.")
        { Default = "[ \"http://0.0.0.0:8080\" ]" },
        new Key("Admin", Admin, "The admin listener. Applies at the next start."),
        new Key("Store", StoreSection.Shape, "Where buckets are kept. Applies at the next start."),
        new Key("TrustedProxies", new ListShape(new TextShape { Meaning = "an address or a network such as 10.0.0.0/8" }, 0, 1000),
            "Peers whose `X-Forwarded-*`, `Forwarded`, `X-Real-IP` and `X-Request-Id` are believed. None by default."),
        new Key("Files", FileBounds.Shape,
            "What files of the configuration may hold, by their names, in which `*` and `?` stand for others; the first that fits holds. "
            + "Only one file may hold this key."),
        new Key("Errors", Errors, "The shape of error answers."),
        new Key("Requests", Requests, "How large a request may be. Applies at the next start."),
        new Key("Connections", Connections, "How many connections may be open, and what one may hold. Applies at the next start."),
        new Key("Names", NameSection.Shape, "How names of destinations become addresses."),
        new Key("Overload", OverloadSection.Shape, "When the edge refuses less critical routes."),
        new Key("Shutdown", Shutdown, "How the edge ends."),
        new Key("AccessLog", AccessLog, "What happened to each request."));

    public static EdgeOptions Bind(Section edge)
    {
        var listen = edge.Items("Listen").Select(BindListener).ToImmutableArray();
        var admin = edge.Object("Admin");
        var requests = edge.Object("Requests");
        var access = edge.Object("AccessLog");
        return new EdgeOptions
        {
            Name = edge.Text("Name")!,
            Listen = listen.Length > 0 ? listen : new EdgeOptions().Listen,
            Admin = new AdminOptions { Listen = admin.Text("Listen")!, Token = admin.Text("Token")! },
            Store = StoreSection.Bind(edge.Object("Store")),
            TrustedProxies = [.. edge.Texts("TrustedProxies").Select(NetworkOf).OfType<IPNetwork>()],
            Errors = new ErrorOptions { TypeBase = edge.Object("Errors").Text("TypeBase")! },
            Requests = new RequestOptions
            {
                HeaderBytes = (int)requests.Number("HeaderBytes"),
                HeaderCount = (int)requests.Number("HeaderCount"),
                TargetBytes = (int)requests.Number("TargetBytes"),
                BodyBytes = requests.Number("BodyBytes"),
                UploadTimeout = requests.OptionalDuration("UploadTimeout"),
                MaxHops = (int)requests.Number("MaxHops"),
            },
            Connections = new ConnectionLimits
            {
                Max = edge.Object("Connections").OptionalNumber("Max"),
                StreamWindow = (int)edge.Object("Connections").Number("StreamWindow"),
            },
            Names = NameSection.Bind(edge.Object("Names")),
            Overload = OverloadSection.Bind(edge.Object("Overload")),
            Shutdown = new ShutdownOptions
            {
                DrainTimeout = edge.Object("Shutdown").Duration("DrainTimeout"),
                AcceptFor = edge.Object("Shutdown").Duration("AcceptFor"),
            },
            AccessLog = new AccessLogOptions
            {
                Enabled = access.Switch("Enabled"),
                Path = PathOf(access, "Path"),
                Query = access.Switch("Query"),
            },
        };
    }

    /// <summary>A network, or one address as a network of its own; null when the text is neither.</summary>
    public static IPNetwork? NetworkOf(string text)
    {
        if (IPNetwork.TryParse(text, out var network))
        {
            return network;
        }

        return IPAddress.TryParse(text, out var address) ? new IPNetwork(address, address.GetAddressBytes().Length * 8) : null;
    }

    private static ListenerOptions BindListener(Section listener) => new()
    {
        Url = listener.Text("Url") ?? "",
        Protocols = listener.Choice<ListenerProtocols>("Protocols"),
        Certificates = [.. listener.Items("Certificates").Select(certificate => BindCertificate(certificate))],
    };

    public static CertificateOptions BindCertificate(Section certificate, string pathKey = "Path")
    {
        var path = PathOf(certificate, pathKey) ?? "";
        return new CertificateOptions(path, PathOf(certificate, "KeyPath") ?? path);
    }

    /// <summary>Relative paths count from the folder of the file that names them.</summary>
    public static string? PathOf(Section section, string key) => section.Find(key) is ScalarNode { Text: var path } node
        ? System.IO.Path.Combine(System.IO.Path.GetDirectoryName(node.Place.File) ?? "", path)
        : null;
}
