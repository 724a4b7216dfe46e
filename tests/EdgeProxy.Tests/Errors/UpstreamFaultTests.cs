using System.Net.Sockets;
using System.Security.Authentication;
using EdgeProxy.Errors;
using EdgeProxy.Resilience;
using EdgeProxy.Tests.Configuration;
using Microsoft.AspNetCore.Http;
using Xunit;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Tests.Errors;

/// <summary>What the platform throws is read once: the client's answer, the metrics and the retries tell one story.</summary>
public sealed class UpstreamFaultTests
{
    public static TheoryData<string, string, string, bool> Failures() => new()
    {
        { "NameResolutionError", "dns_error", "dns", true },
        { "ConnectionError ConnectionRefused", "upstream_connection_refused", "refused", true },
        { "ConnectionError TimedOut", "upstream_connect_timeout", "connect_timeout", true },
        { "ConnectionError HostUnreachable", "upstream_unroutable", "connect_failed", true },
        { "ConnectionError TooManyOpenSockets", "sockets_exhausted", "edge_exhausted", false },
        { "ConnectionError AddressNotAvailable", "sockets_exhausted", "edge_exhausted", false },
        { "Unknown TooManyOpenSockets", "sockets_exhausted", "edge_exhausted", false },
        { "ConnectionError", "upstream_connection_refused", "connect_failed", true },
        { "SecureConnectionError", "upstream_tls_handshake", "tls", true },
        { "SecureConnectionError certificate", "upstream_tls_certificate", "tls", true },
        { "SecureConnectionError alert", "upstream_tls_alert", "tls", true },
        { "HttpProtocolError 1", "upstream_protocol_error", "protocol_error", false },
        { "HttpProtocolError 2", "upstream_connection_reset", "closed", false },
        { "InvalidResponse", "upstream_protocol_error", "protocol_error", false },
        { "ConfigurationLimitExceeded", "upstream_header_too_large", "protocol_error", false },
        { "ResponseEnded", "upstream_connection_reset", "closed", false },
        { "Unknown TimedOut", "upstream_connection_reset", "closed", false }, // the kernel gave a connection up that had carried a request
        { "Unknown closed", "upstream_connection_reset", "closed", false },
        { "ExtendedConnectNotSupported", "upstream_upgrade_failed", "failed", false },
        { "VersionNegotiationError", "upstream_protocol_error", "failed", false },
    };

    [Theory, MemberData(nameof(Failures))]
    public void A_failure_is_the_same_for_the_client_the_metrics_and_the_retries(string failure, string code, string outcome, bool isUnsent)
    {
        var exception = Make(failure);
        var context = new DefaultHttpContext();
        context.Features.Set(new EdgeContext(Configurations.Read(Configurations.Document()).Revision!, "id", startedAt: 0));
        context.Features.Set<IForwarderErrorFeature>(new Report(ForwarderError.Request, exception));

        Assert.Equal(code, FailureCauses.OfOutcome(context)?.Code);
        Assert.Equal(outcome, AttemptOutcome.Of(exception, clientIsGone: false, isGivenUp: false));
        Assert.Equal(isUnsent, AttemptEnd.Of(exception).IsUnsent);
    }

    [Theory]
    [InlineData("InvalidResponse", true, "upstream_protocol_error")]
    [InlineData("Unknown", false, "upstream_protocol_error")]
    [InlineData("ConfigurationLimitExceeded", true, "upstream_header_too_large")]
    [InlineData("ConfigurationLimitExceeded", false, "upstream_header_too_large")]
    [InlineData("ResponseEnded", true, "upstream_response_truncated")]
    [InlineData("HttpProtocolError", true, "upstream_response_truncated")]
    public void A_body_that_breaks_off_says_why(string failure, bool isRead, string code)
    {
        var error = Enum.Parse<HttpRequestError>(failure);
        Exception exception = isRead ? new HttpIOException(error) : new HttpRequestException(error); // the platform throws both
        var context = new DefaultHttpContext();
        context.Features.Set(new EdgeContext(Configurations.Read(Configurations.Document()).Revision!, "id", startedAt: 0));
        context.Features.Set<IForwarderErrorFeature>(
            new Report(ForwarderError.ResponseBodyDestination, new IOException("copy", exception)));

        Assert.Equal(code, FailureCauses.OfOutcome(context)?.Code);
    }

    private static HttpRequestException Make(string failure)
    {
        var (error, detail) = failure.Split(' ') is [var one, var two] ? (one, two) : (failure, "");
        Exception? inner = detail switch
        {
            "" => null,
            "certificate" => new AuthenticationException("The remote certificate is invalid."),
            "alert" => new AuthenticationException("no", new IOException("tlsv1 alert unknown ca")),
            "1" or "2" => new HttpProtocolException(detail[0] - '0', "frames", null),
            "closed" => new IOException("over", new UpstreamClosedException(reused: false)),
            _ => new IOException("socket", new SocketException((int)Enum.Parse<SocketError>(detail))),
        };
        return new HttpRequestException(Enum.Parse<HttpRequestError>(error), "failed", inner);
    }

    private sealed record Report(ForwarderError Error, Exception? Exception) : IForwarderErrorFeature;
}
