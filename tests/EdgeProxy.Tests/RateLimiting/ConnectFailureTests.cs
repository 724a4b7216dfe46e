using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Redis;
using StackExchange.Redis;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>Why there is no connection, in words.</summary>
public sealed class ConnectFailureTests
{
    [Theory]
    [InlineData(SslPolicyErrors.RemoteCertificateNameMismatch, "another name")]
    [InlineData(SslPolicyErrors.RemoteCertificateChainErrors, "not trusted (UntrustedRoot)")]
    [InlineData(SslPolicyErrors.None, "handshake failed")]
    public void A_failure_of_TLS_is_told_by_what_is_wrong_with_the_certificate(SslPolicyErrors errors, string words) => Assert.Contains(
        words,
        ConnectFailure.Describe(
            ConnectionAttemptStage.Tls, ConnectionFailureType.UnableToConnect,
            errors, X509ChainStatusFlags.UntrustedRoot, new IOException()),
        StringComparison.Ordinal);

    [Fact]
    public void A_wrong_password_is_told_with_the_server_s_words_and_without_advice() => Assert.Equal(
        "the user or password is missing or wrong: it answers \"NOAUTH Authentication required\"",
        ConnectFailure.Describe(
            ConnectionAttemptStage.Handshake, ConnectionFailureType.AuthenticationFailure, null, null,
            new IOException("SimpleError: NOAUTH Authentication required. Verify if the password is correct. Attempted command: ECHO")));

    [Fact]
    public void A_refused_connection_and_a_name_that_is_not_known_are_told_apart()
    {
        Assert.Equal("ConnectionRefused", ConnectFailure.Describe(new SocketException((int)SocketError.ConnectionRefused)));
        Assert.Equal("the name cannot be resolved", ConnectFailure.Describe(new SocketException((int)SocketError.HostNotFound)));
    }

    [Fact]
    public void An_attempt_that_was_given_up_for_another_says_nothing() => Assert.Null(ConnectFailure.Describe(
        ConnectionAttemptStage.Tls, ConnectionFailureType.ConnectionDisposed, null, null, new IOException()));

    [Fact]
    public void Words_of_the_platform_that_may_quote_what_it_was_given_are_not_repeated() => Assert.Equal(
        "the connection failed", ConnectFailure.Describe(
            ConnectionAttemptStage.Connect, ConnectionFailureType.UnableToConnect, null, null, new ArgumentException("secret")));
}
