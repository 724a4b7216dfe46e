using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>
/// Why there is no connection to the store, in words that name no secret: those of the platform may quote what they were given.
/// </summary>
internal static class ConnectFailure
{
    /// <summary>What the library puts before a server's words.</summary>
    private const string SimpleError = "SimpleError: ";

    /// <summary>What an attempt of the client library came to; null: nothing that says why.</summary>
    public static string? Describe(
        ConnectionAttemptStage stage, ConnectionFailureType type,
        SslPolicyErrors? certificate, X509ChainStatusFlags? chain, Exception? failure)
    {
        if (type == ConnectionFailureType.ConnectionDisposed)
        {
            return null; // given up for another one
        }

        return stage switch
        {
            ConnectionAttemptStage.Tls => OfTls(certificate ?? SslPolicyErrors.None, chain),
            _ when type == ConnectionFailureType.AuthenticationFailure => "the user or password is missing or wrong: " + Of(failure),
            ConnectionAttemptStage.Handshake when type is ConnectionFailureType.SocketClosed or ConnectionFailureType.SocketFailure =>
                "the server closes the connection before it has answered; it may want TLS",
            _ => failure is null ? type.ToString() : Of(failure),
        };
    }

    public static string Describe(Exception exception) => exception switch
    {
        AuthenticationException => OfTls(SslPolicyErrors.None, null),
        OperationCanceledException => "no answer in time",
        _ => Of(exception),
    };

    private static string OfTls(SslPolicyErrors certificate, X509ChainStatusFlags? chain) => certificate switch
    {
        _ when certificate.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) => "TLS: the server's certificate is for another name",
        _ when certificate.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors) =>
            $"TLS: the server's certificate is not trusted{(chain is { } flags and not 0 ? $" ({flags})" : "")}",
        _ => "TLS: the handshake failed; the server may not speak TLS at this port, or refuse the client's certificate",
    };

    private static string Of(Exception? failure)
    {
        for (var cause = failure; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData }:
                    return "the name cannot be resolved";
                case SocketException socket:
                    return socket.SocketErrorCode.ToString();
                case RespException or RedisServerException:
                    return $"it answers \"{cause.Message}\"";
                case OperationCanceledException or TimeoutException:
                    return "no answer in time";
            }

            // The library wraps what a server has answered, with advice behind it.
            if (cause.Message.StartsWith(SimpleError, StringComparison.Ordinal))
            {
                var text = cause.Message[SimpleError.Length..];
                var end = text.IndexOf(". ", StringComparison.Ordinal);
                return $"it answers \"{(end < 0 ? text : text[..end])}\"";
            }
        }

        return failure is IOException ? "the connection was closed" : "the connection failed";
    }
}
