using static EdgeProxy.Errors.ErrorSource;

namespace EdgeProxy.Errors;

/// <content>What goes wrong between the edge and an upstream.</content>
internal static partial class EdgeErrors
{
    public static readonly EdgeError DnsError = new(
        "dns_error", 502, "Upstream name not resolved", "dns_error", Retryable.Yes, 14, Upstream,
        "The name of the upstream could not be resolved. The request was not processed.");

    public static readonly EdgeError DnsTimeout = new(
        "dns_timeout", 504, "Upstream name not resolved", "dns_timeout", Retryable.Yes, 14, Upstream,
        "The name of the upstream was not resolved in time. The request was not processed.");

    public static readonly EdgeError DestinationProhibited = new(
        "destination_prohibited", 502, "Upstream address not allowed", "destination_ip_prohibited",
        Retryable.No, 13, Edge, "The upstream resolves to an address that the edge may not connect to.");

    public static readonly EdgeError UpstreamUnroutable = new(
        "upstream_unroutable", 502, "No route to upstream", "destination_ip_unroutable", Retryable.Yes, 14, Upstream,
        "The network has no way to the upstream. The request was not processed.");

    public static readonly EdgeError UpstreamConnectionRefused = new(
        "upstream_connection_refused", 502, "Upstream refused the connection", "connection_refused",
        Retryable.Yes, 14, Upstream, "No connection to the upstream could be opened. The request was not processed.");

    public static readonly EdgeError UpstreamConnectTimeout = new(
        "upstream_connect_timeout", 504, "Upstream did not accept in time", "connection_timeout",
        Retryable.Yes, 14, Upstream, "The upstream did not accept a connection in time. The request was not processed.");

    public static readonly EdgeError UpstreamConnectionReset = new(
        "upstream_connection_reset", 502, "Upstream closed before answering", "connection_terminated",
        Retryable.IfIdempotent, 14, Upstream,
        "The upstream closed the connection before it answered. The request may have been processed.");

    public static readonly EdgeError UpstreamWriteTimeout = new(
        "upstream_write_timeout", 504, "Upstream stopped reading", "connection_write_timeout",
        Retryable.IfIdempotent, 14, Upstream, "The upstream stopped reading the request. The request may have been processed.");

    public static readonly EdgeError UpstreamTlsHandshake = new(
        "upstream_tls_handshake", 502, "TLS with upstream failed", "tls_protocol_error", Retryable.Yes, 14, Upstream,
        "The edge and the upstream could not agree on a TLS connection. The request was not processed.");

    public static readonly EdgeError UpstreamTlsCertificate = new(
        "upstream_tls_certificate", 502, "Upstream certificate not trusted", "tls_certificate_error",
        Retryable.No, 14, Upstream, "The certificate of the upstream is not trusted. The request was not processed.");

    public static readonly EdgeError UpstreamTlsAlert = new(
        "upstream_tls_alert", 502, "Upstream rejected TLS", "tls_alert_received", Retryable.No, 14, Upstream,
        "The upstream ended the TLS handshake with an alert. The request was not processed.");

    public static readonly EdgeError UpstreamResponseTimeout = new(
        "upstream_response_timeout", 504, "Upstream did not answer in time", "http_response_timeout",
        Retryable.IfIdempotent, 4, Upstream,
        "The upstream did not begin its answer in time. The request may have been processed.");

    public static readonly EdgeError UpstreamAbandoned = new(
        "upstream_abandoned", 499, "–", "", Retryable.No, 1, Upstream,
        "The client left after it had waited for the head of a response for longer than the route expects. No response is sent.");

    public static readonly EdgeError UpstreamIdleTimeout = new(
        "upstream_idle_timeout", 504, "Upstream stalled", "connection_read_timeout",
        Retryable.IfIdempotent, 4, Upstream,
        "Nothing was heard from the upstream for too long. The request may have been processed.");

    public static readonly EdgeError DeadlineExceeded = new(
        "deadline_exceeded", 504, "Time budget used up", "http_response_timeout", Retryable.IfIdempotent, 4, Upstream,
        "The upstream did not answer within the time this route allows. The request may have been processed.");

    public static readonly EdgeError UpstreamProtocolError = new(
        "upstream_protocol_error", 502, "Upstream answered invalid HTTP", "http_protocol_error",
        Retryable.IfIdempotent, 13, Upstream,
        "The answer of the upstream is not valid HTTP. The request may have been processed.");

    public static readonly EdgeError UpstreamHeaderTooLarge = new(
        "upstream_header_too_large", 502, "Upstream headers too large", "http_response_header_section_size",
        Retryable.No, 8, Upstream, "The header fields that the upstream answered with are larger than the edge takes.");

    public static readonly EdgeError UpstreamBodyTooLarge = new(
        "upstream_body_too_large", 502, "Upstream body too large", "http_response_body_size", Retryable.No, 8, Upstream,
        "The body that the upstream answered with is larger than the edge takes.");

    public static readonly EdgeError UpstreamBadEncoding = new(
        "upstream_bad_encoding", 502, "Upstream coding not supported", "http_response_transfer_coding",
        Retryable.No, 13, Upstream, "The answer of the upstream uses a coding that the edge cannot pass on.");

    public static readonly EdgeError UpstreamResponseTruncated = new(
        "upstream_response_truncated", 502, "Response incomplete", "http_response_incomplete",
        Retryable.IfIdempotent, 14, Upstream,
        "The upstream ended its answer early. The request may have been processed.");

    public static readonly EdgeError UpstreamUpgradeFailed = new(
        "upstream_upgrade_failed", 502, "Upgrade refused by upstream", "http_upgrade_failed",
        Retryable.Yes, 14, Upstream, "The upstream did not change to the protocol that the request asks for.");

    public static readonly EdgeError NoHealthyDestination = new(
        "no_healthy_destination", 503, "No healthy upstream", "destination_unavailable", Retryable.After, 14, Upstream,
        "No destination of this route is healthy at the moment.");

    public static readonly EdgeError ClusterMissing = new(
        "cluster_missing", 503, "Route has no upstream", "destination_unavailable", Retryable.No, 14, Edge,
        "This route leads to a cluster that does not exist.");

    public static readonly EdgeError DestinationsEmpty = new(
        "destinations_empty", 503, "Route has no upstream", "destination_unavailable", Retryable.No, 14, Edge,
        "The cluster of this route has no destinations.");

    public static readonly EdgeError CircuitOpen = new(
        "circuit_open", 503, "Upstream is temporarily cut off", "destination_unavailable",
        Retryable.After, 14, Upstream, "The upstream failed too often and is given time to recover.");

    public static readonly EdgeError RetryBudgetExhausted = new(
        "retry_budget_exhausted", 503, "Retry budget exhausted", "destination_unavailable",
        Retryable.After, 14, Upstream, "The attempt failed, and too many others are being tried again already.");

    public static readonly EdgeError UpstreamErrorNormalised = new(
        "upstream_error_normalised", 0, "Upstream failed", "", Retryable.IfIdempotent, 13, Upstream,
        "The upstream failed to handle this request. The status is its own.");

    public static readonly EdgeError UpstreamClientErrorNormalised = new(
        "upstream_client_error_normalised", 0, "Upstream rejected the request", "", Retryable.No, 3, Client,
        "The upstream rejected this request. The status is its own.");
}
