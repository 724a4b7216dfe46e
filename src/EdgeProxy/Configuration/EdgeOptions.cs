using System.Collections.Immutable;
using System.Net;

namespace EdgeProxy.Configuration;

/// <summary>The `Edge` section: what belongs to the process as a whole.</summary>
internal sealed record EdgeOptions
{
    /// <summary>Name of this edge in `Proxy-Status` and logs. A token of RFC 9110; default `edgeproxy`.</summary>
    public string Name { get; init; } = "edgeproxy";

    /// <summary>Addresses that take traffic. At least one; default `http://0.0.0.0:8080`. Applies at the next start.</summary>
    public ImmutableArray<ListenerOptions> Listen { get; init; } = [new() { Url = "http://0.0.0.0:8080" }];

    public AdminOptions Admin { get; init; } = new();

    public StoreOptions Store { get; init; } = new();

    /// <summary>Peers whose `X-Forwarded-*` and `X-Request-Id` are believed. Addresses or CIDR; none by default.</summary>
    public ImmutableArray<IPNetwork> TrustedProxies { get; init; } = [];

    public ErrorOptions Errors { get; init; } = new();

    public RequestOptions Requests { get; init; } = new();

    public ConnectionLimits Connections { get; init; } = new();

    public NameOptions Names { get; init; } = new();

    public OverloadOptions Overload { get; init; } = new();

    public ShutdownOptions Shutdown { get; init; } = new();

    public AccessLogOptions AccessLog { get; init; } = new();
}

/// <summary>One address that takes traffic.</summary>
internal sealed record ListenerOptions
{
    /// <summary>Scheme, address and port, such as `https://0.0.0.0:8443`. Port 0 takes a free one.</summary>
    public required string Url { get; init; }

    public ListenerProtocols Protocols { get; init; } = ListenerProtocols.Http1AndHttp2;

    /// <summary>Certificates of an https listener, chosen by SNI; the first one answers when no name fits.</summary>
    public ImmutableArray<CertificateOptions> Certificates { get; init; } = [];
}

internal enum ListenerProtocols
{
    Http1,
    Http2,
    Http1AndHttp2,
}

/// <summary>A PEM certificate chain and its key, read again when the files change.</summary>
internal sealed record CertificateOptions(string Path, string KeyPath);

/// <summary>The admin listener.</summary>
internal sealed record AdminOptions
{
    /// <summary>Address of the admin listener; default `http://127.0.0.1:9901`. Not loopback without a token is refused.</summary>
    public string Listen { get; init; } = "http://127.0.0.1:9901";

    /// <summary>Bearer token that all but `/livez`, `/readyz` and `/metrics` ask for. Empty: none.</summary>
    public string Token { get; init; } = "";
}

internal sealed record ErrorOptions
{
    /// <summary>What the `type` of an error begins with; the error's code follows. Default `urn:edgeproxy:error:`.</summary>
    public string TypeBase { get; init; } = "urn:edgeproxy:error:";
}

/// <summary>How large a request may be. Bytes, except <see cref="HeaderCount"/>.</summary>
internal sealed record RequestOptions
{
    /// <summary>All field names and values together. 1024 to 1 MiB; default 32768. More is 431.</summary>
    public int HeaderBytes { get; init; } = 32_768;

    /// <summary>Number of fields. 10 to 1000; default 100. More is 431.</summary>
    public int HeaderCount { get; init; } = 100;

    /// <summary>Path and query as received. 256 to 65536; default 8192. More is 414.</summary>
    public int TargetBytes { get; init; } = 8_192;

    /// <summary>Edges that a request may have come through already. 1 to 100; default 10. As many or more is 508.</summary>
    public int MaxHops { get; init; } = 10;

    /// <summary>Request body. 0 to 2^53; default 30000000. More is 413. Not for gRPC and upgraded connections.</summary>
    public long BodyBytes { get; init; } = 30_000_000;

    /// <summary>
    /// How long the edge may wait for a client to send a body, all waits together. 1 s to 24 h; null: no bound. More is 408. Not for gRPC
    /// and upgraded connections.
    /// </summary>
    public TimeSpan? UploadTimeout { get; init; }
}

/// <summary>How many connections traffic may have open, and what one of HTTP/2 may hold.</summary>
internal sealed record ConnectionLimits
{
    /// <summary>Streams of HTTP/2 that one connection may have open.</summary>
    public const int Streams = 100;

    /// <summary>Over all listeners. 1 to 10 million; null: by the process's file descriptors. More are closed at once.</summary>
    public long? Max { get; init; }

    /// <summary>
    /// Bytes of one HTTP/2 request body that a client may send before the edge has passed them on. 65535 to 8 MiB; default 256 KiB. The
    /// windows of all streams together are the most that a connection holds in memory.
    /// </summary>
    public int StreamWindow { get; init; } = 262_144;
}

internal sealed record ShutdownOptions
{
    /// <summary>How long requests under way may take to finish after SIGTERM. 0 to 1 h; default 30 s.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long new connections are taken after SIGTERM, within the former. 0 to 10 min; default 5 s.</summary>
    public TimeSpan AcceptFor { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>One line of JSON for each request.</summary>
internal sealed record AccessLogOptions
{
    /// <summary>Default false.</summary>
    public bool Enabled { get; init; }

    /// <summary>File that lines are appended to; null: standard output.</summary>
    public string? Path { get; init; }

    /// <summary>Queries are written too, values and all. Default false.</summary>
    public bool Query { get; init; }
}
