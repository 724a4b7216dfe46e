using System.Collections.Immutable;
using System.Reflection;
using static EdgeProxy.Errors.ErrorSource;

namespace EdgeProxy.Errors;

/// <summary>
/// The error catalogue: here what is wrong with a request as such and with the edge itself; beside it what a policy
/// refuses and what an upstream does wrong. docs/errors.md shows the same table, and a test holds the two equal.
/// </summary>
internal static partial class EdgeErrors
{
    /// <summary>Every row: also the closed set of the label `code` of `edgeproxy_errors_total`.</summary>
    public static ImmutableArray<EdgeError> All => Rows.All;

    public static readonly EdgeError MalformedRequest = new(
        "malformed_request", 400, "The request could not be parsed", "http_request_error", Retryable.No, 13, Client,
        "The bytes received are not a request that the HTTP standard allows.");

    public static readonly EdgeError AmbiguousFraming = new(
        "ambiguous_framing", 400, "Ambiguous message framing", "http_request_error", Retryable.No, 13, Client,
        "It is not certain where the body of this request ends. The connection has been closed.");

    public static readonly EdgeError InvalidHost = new(
        "invalid_host", 400, "Host is missing or invalid", "http_request_error", Retryable.No, 13, Client,
        "A request has to name exactly one host, and a valid one.");

    public static readonly EdgeError Misdirected = new(
        "misdirected", 421, "Wrong authority", "http_request_error", Retryable.No, 13, Client,
        "This connection does not answer for the scheme or the host that the request names. Open a new one.");

    public static readonly EdgeError InvalidPath = new(
        "invalid_path", 400, "Path is not acceptable", "http_request_error", Retryable.No, 13, Client,
        "The path holds a broken percent-encoding or a character that may not stand in a path.");

    public static readonly EdgeError RouteNotFound = new(
        "route_not_found", 404, "No route matches", "destination_not_found", Retryable.No, 12, Client,
        "No route of this edge takes a request with this host, path and method.");

    public static readonly EdgeError NotFound = new(
        "not_found", 404, "Nothing by that name", "http_request_error", Retryable.No, 5, Client,
        "The admin listener has nothing at this path: no such resource, or none with this id.");

    public static readonly EdgeError MethodNotAllowed = new(
        "method_not_allowed", 405, "Method not allowed on this route", "http_request_error", Retryable.No, 12, Client,
        "The path exists, but not for this method. The Allow field lists the methods it takes.");

    public static readonly EdgeError MethodNotSupported = new(
        "method_not_supported", 501, "Method not implemented", "http_request_error", Retryable.No, 12, Client,
        "This edge does not forward requests with this method.");

    public static readonly EdgeError NotAcceptable = new(
        "not_acceptable", 406, "Representation not supported", "http_request_error", Retryable.No, 3, Client,
        "None of the representations that the request accepts can be given.");

    public static readonly EdgeError UnsupportedMediaType = new(
        "unsupported_media_type", 415, "Media type not supported", "http_request_error", Retryable.No, 3, Client,
        "The body is of a media type that this route does not take.");

    public static readonly EdgeError InvalidBody = new(
        "invalid_body", 400, "Body not understood", "http_request_error", Retryable.No, 3, Client,
        "The body is not what this path of the admin listener takes. The OpenAPI document of the listener says what that is.");

    public static readonly EdgeError UriTooLong = new(
        "uri_too_long", 414, "Request target too long", "http_request_error", Retryable.No, 8, Client,
        "The path and query are longer than this edge takes.");

    public static readonly EdgeError HeaderTooLarge = new(
        "header_too_large", 431, "Request header fields too large", "http_request_error", Retryable.No, 8, Client,
        "The header fields together are larger than this edge takes.");

    public static readonly EdgeError TooManyHeaders = new(
        "too_many_headers", 431, "Request header fields too large", "http_request_error", Retryable.No, 8, Client,
        "The request has more header fields than this edge takes.");

    public static readonly EdgeError BodyTooLarge = new(
        "body_too_large", 413, "Request body too large", "http_request_error", Retryable.No, 8, Client,
        "The body is larger than this route takes.");

    public static readonly EdgeError LengthRequired = new(
        "length_required", 411, "Length required", "http_request_error", Retryable.No, 13, Client,
        "The request has to say how long its body is.");

    public static readonly EdgeError ExpectationFailed = new(
        "expectation_failed", 417, "Expectation failed", "http_request_error", Retryable.No, 13, Client,
        "The Expect field asks for something that this edge does not do.");

    public static readonly EdgeError RequestTimeout = new(
        "request_timeout", 408, "Request not received in time", "http_request_error", Retryable.IfIdempotent, 4, Client,
        "The request arrived too slowly. The connection has been closed.");

    public static readonly EdgeError ClientDisconnected = new(
        "client_disconnected", 499, "–", "", Retryable.No, 1, Client,
        "The client went away before the answer was complete. No answer is sent.");

    public static readonly EdgeError HttpVersionNotSupported = new(
        "http_version_not_supported", 505, "HTTP version not supported", "http_request_error", Retryable.No, 13, Client,
        "This edge speaks HTTP/1.0, HTTP/1.1 and HTTP/2.");

    public static readonly EdgeError UpgradeRequired = new(
        "upgrade_required", 426, "Upgrade required", "http_request_error", Retryable.No, 9, Client,
        "This route answers only after an upgrade to the protocol that the Upgrade field names.");

    public static readonly EdgeError TooEarly = new(
        "too_early", 425, "Too early (0-RTT)", "http_request_error", Retryable.Yes, 14, Client,
        "The request came in early data, which could be a replay. Send it again after the handshake.");

    public static readonly EdgeError LoopDetected = new(
        "loop_detected", 508, "Request loop", "proxy_loop_detected", Retryable.No, 9, Edge,
        "This request has passed through this edge before.");

    public static readonly EdgeError ConfigNotReady = new(
        "config_not_ready", 503, "No configuration loaded", "proxy_configuration_error", Retryable.After, 14, Edge,
        "The edge has no configuration to serve by yet.");

    public static readonly EdgeError MisconfiguredRoute = new(
        "misconfigured_route", 500, "Route misconfigured", "proxy_configuration_error", Retryable.No, 13, Edge,
        "The configuration of this route cannot be served.");

    public static readonly EdgeError InternalError = new(
        "internal_error", 500, "Internal error", "proxy_internal_error", Retryable.IfIdempotent, 13, Edge,
        "The edge failed to handle this request. The failure has been logged under the request id.");

    /// <summary>Built at first use, when the rows of all files are there.</summary>
    private static class Rows
    {
        public static readonly ImmutableArray<EdgeError> All = [.. typeof(EdgeErrors)
            .GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (EdgeError)field.GetValue(null)!)];
    }
}
