using static EdgeProxy.Errors.ErrorSource;

namespace EdgeProxy.Errors;

/// <summary>The error catalogue. docs/errors.md shows the same table, and a test holds the two equal.</summary>
internal static class EdgeErrors
{
    public static readonly EdgeError RouteNotFound = new(
        "route_not_found", 404, "No route matches", "destination_not_found", Retryable.No, 12, Client,
        "No route of this edge takes a request with this host, path and method.");

    public static readonly EdgeError MethodNotAllowed = new(
        "method_not_allowed", 405, "Method not allowed on this route", "http_request_error", Retryable.No, 12, Client,
        "The path exists, but not for this method. The Allow field lists the methods it takes.");

    public static readonly EdgeError Unauthenticated = new(
        "unauthenticated", 401, "Credentials missing or invalid", "http_request_error", Retryable.No, 16, Client,
        "This route answers only to clients that present a valid credential.");

    public static readonly EdgeError RateLimited = new(
        "rate_limited", 429, "Rate limit exceeded", "http_request_error", Retryable.After, 8, Policy,
        "This client has used up the requests it may send for now. Retry-After says when the next one is due.");

    public static readonly EdgeError UpstreamConnectionRefused = new(
        "upstream_connection_refused", 502, "Upstream refused the connection", "connection_refused", Retryable.Yes, 14, Upstream,
        "No connection to the upstream could be opened. The request was not processed.");

    public static readonly EdgeError UpstreamConnectionReset = new(
        "upstream_connection_reset", 502, "Upstream closed before answering", "connection_terminated", Retryable.IfIdempotent, 14,
        Upstream, "The upstream closed the connection before it answered. The request may have been processed.");

    public static readonly EdgeError DeadlineExceeded = new(
        "deadline_exceeded", 504, "Time budget used up", "http_response_timeout", Retryable.IfIdempotent, 4, Upstream,
        "The upstream did not answer within the time this route allows. The request may have been processed.");

    public static readonly EdgeError NoHealthyDestination = new(
        "no_healthy_destination", 503, "No healthy upstream", "destination_unavailable", Retryable.After, 14, Upstream,
        "No destination of this route is healthy at the moment.");

    public static readonly EdgeError InternalError = new(
        "internal_error", 500, "Internal error", "proxy_internal_error", Retryable.IfIdempotent, 13, Edge,
        "The edge failed to handle this request. The failure has been logged under the request id.");
}
