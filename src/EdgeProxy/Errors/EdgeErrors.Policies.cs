using static EdgeProxy.Errors.ErrorSource;

namespace EdgeProxy.Errors;

/// <content>What a policy of the edge refuses.</content>
internal static partial class EdgeErrors
{
    public static readonly EdgeError Unauthenticated = new(
        "unauthenticated", 401, "Credentials missing or invalid", "http_request_error", Retryable.No, 16, Client,
        "This route answers only to clients that present a valid credential.");

    public static readonly EdgeError TokenExpired = new(
        "token_expired", 401, "Token expired", "http_request_error", Retryable.No, 16, Client,
        "The credential was valid once and is no longer. Obtain a new one.");

    public static readonly EdgeError ClientCertRequired = new(
        "client_cert_required", 401, "Client certificate required", "http_request_error", Retryable.No, 16, Client,
        "This route answers only to clients that present a TLS certificate.");

    public static readonly EdgeError ClientCertInvalid = new(
        "client_cert_invalid", 403, "Client certificate rejected", "http_request_denied", Retryable.No, 7, Client,
        "The TLS certificate that the client presented is not accepted here.");

    public static readonly EdgeError Forbidden = new(
        "forbidden", 403, "Not allowed", "http_request_denied", Retryable.No, 7, Policy,
        "This client may not send this request.");

    public static readonly EdgeError IpDenied = new(
        "ip_denied", 403, "Not allowed", "http_request_denied", Retryable.No, 7, Policy,
        "Requests from this network are not allowed.");

    public static readonly EdgeError AuthProviderUnavailable = new(
        "auth_provider_unavailable", 503, "Authentication cannot be checked now", "proxy_internal_response",
        Retryable.After, 14, Edge, "The service that checks credentials does not answer. The request was not forwarded.");

    public static readonly EdgeError RateLimited = new(
        "rate_limited", 429, "Rate limit exceeded", "http_request_error", Retryable.After, 8, Policy,
        "This client has used up the requests it may send for now. Retry-After says when the next one is due.");

    public static readonly EdgeError QuotaExceeded = new(
        "quota_exceeded", 429, "Quota exhausted", "http_request_error", Retryable.After, 8, Policy,
        "This client has used up its quota. Retry-After says when the next request is due.");

    public static readonly EdgeError RateLimiterUnavailable = new(
        "rate_limiter_unavailable", 503, "Limits cannot be checked now", "proxy_internal_response",
        Retryable.After, 14, Edge, "The limits of this route cannot be checked, and it refuses requests until they can.");

    public static readonly EdgeError ConcurrencyLimit = new(
        "concurrency_limit", 503, "Too many requests in progress", "connection_limit_reached",
        Retryable.After, 14, Policy, "As many requests as the upstream may be given at once are in progress.");

    public static readonly EdgeError QueueTimeout = new(
        "queue_timeout", 503, "Too many requests in progress", "connection_limit_reached", Retryable.After, 14, Policy,
        "The request waited for its turn as long as it may, and none came.");

    public static readonly EdgeError Overloaded = new(
        "overloaded", 503, "The edge is shedding load", "proxy_internal_response", Retryable.After, 14, Edge,
        "The edge is overloaded and refuses some requests so that it can serve the others.");

    public static readonly EdgeError SocketsExhausted = new(
        "sockets_exhausted", 503, "The edge has no connection left", "proxy_internal_response", Retryable.Yes, 14, Edge,
        "The edge has as many connections open as its system lets it have. The request was not processed.");

    public static readonly EdgeError IdempotencyKeyMissing = new(
        "idempotency_key_missing", 400, "Idempotency-Key required", "http_request_error", Retryable.No, 3, Client,
        "This route takes requests only with an Idempotency-Key field.");

    public static readonly EdgeError IdempotencyKeyInvalid = new(
        "idempotency_key_invalid", 400, "Idempotency-Key not valid", "http_request_error", Retryable.No, 3, Client,
        "The Idempotency-Key field is not a string of 1 to 255 visible ASCII characters.");

    public static readonly EdgeError IdempotencyInProgress = new(
        "idempotency_in_progress", 409, "A request with this key is in progress", "http_request_error",
        Retryable.After, 10, Client, "A first request with this Idempotency-Key has not been answered yet.");

    public static readonly EdgeError IdempotencyOutcomeUnknown = new(
        "idempotency_outcome_unknown", 409, "Outcome of the first attempt is unknown", "http_request_error",
        Retryable.No, 10, Upstream,
        "Whether the first request with this Idempotency-Key took effect is not known. Look before sending a new one.");

    public static readonly EdgeError IdempotencyMismatch = new(
        "idempotency_mismatch", 422, "Key reused with a different request", "http_request_error",
        Retryable.No, 3, Client, "This Idempotency-Key belongs to a request with another method, path or body.");

    public static readonly EdgeError IdempotencyStoreUnavailable = new(
        "idempotency_store_unavailable", 503, "Idempotency cannot be guaranteed now", "proxy_internal_response",
        Retryable.After, 14, Edge, "The store that remembers Idempotency-Keys does not answer. The request was not forwarded.");

    public static readonly EdgeError VersionUnknown = new(
        "version_unknown", 400, "API version unknown", "http_request_error", Retryable.No, 3, Client,
        "The request names a version of the API that does not exist.");

    public static readonly EdgeError VersionRequired = new(
        "version_required", 400, "API version required", "http_request_error", Retryable.No, 3, Client,
        "The request has to name the version of the API that it wants.");

    public static readonly EdgeError VersionSunset = new(
        "version_sunset", 410, "This API version was retired", "http_request_error", Retryable.No, 12, Client,
        "This version of the API is no longer served. Move to a newer one.");

    public static readonly EdgeError Maintenance = new(
        "maintenance", 503, "Under maintenance", "proxy_internal_response", Retryable.After, 14, Policy,
        "This route is closed for maintenance.");
}
