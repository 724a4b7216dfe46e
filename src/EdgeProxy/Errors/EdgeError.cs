namespace EdgeProxy.Errors;

/// <summary>One row of the error catalogue: everything a client is told about one kind of failure.</summary>
/// <param name="Code">Stable name; never renamed, never reused.</param>
/// <param name="Status">HTTP status; 0 where it is the upstream's own.</param>
/// <param name="Title">One line for people.</param>
/// <param name="ProxyStatus">Error token of RFC 9209; empty where the answer is not the edge's own.</param>
/// <param name="Retryable">Whether sending the request again can help.</param>
/// <param name="GrpcStatus">What a gRPC client gets as `grpc-status`.</param>
/// <param name="Source">Who has to act.</param>
/// <param name="Detail">Fixed text; nothing of the request, the configuration or the upstream is ever woven in.</param>
internal sealed record EdgeError(
    string Code,
    int Status,
    string Title,
    string ProxyStatus,
    Retryable Retryable,
    int GrpcStatus,
    ErrorSource Source,
    string Detail)
{
    private const int ClientClosedRequest = 499;

    /// <summary>The client has left: there is nobody to answer, and the status is for metrics and logs.</summary>
    public bool MeansClientIsGone => Status == ClientClosedRequest;
}

/// <summary>Who has to act for the failure to go away.</summary>
internal enum ErrorSource
{
    Client,
    Policy,
    Edge,
    Upstream,
}

internal enum Retryable
{
    No,
    Yes,

    /// <summary>After the time that Retry-After names.</summary>
    After,

    /// <summary>When the method is idempotent.</summary>
    IfIdempotent,
}

/// <summary>An error as it befell one request.</summary>
internal sealed record EdgeFailure(EdgeError Error)
{
    /// <summary>Status of the answer; the error's own unless that is the upstream's.</summary>
    public int Status { get; init; } = Error.Status;

    /// <summary>The status is the upstream's own, and so are the fields about it; the body alone is the edge's.</summary>
    public bool IsUpstreams => Error.Status == 0;

    /// <summary>Whole seconds until the request may be sent again; null when unknown or never.</summary>
    public int? RetryAfterSeconds { get; init; }

    /// <summary>Why, for the log alone, where no exception says it.</summary>
    public string? Cause { get; init; }

    /// <summary>Names of the limits that refused the request.</summary>
    public IReadOnlyList<string> ViolatedPolicies { get; init; } = [];
}
