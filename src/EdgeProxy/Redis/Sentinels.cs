using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using EdgeProxy.Configuration;
using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>
/// Which server Sentinels say is the primary. They are asked here, all at once and without a thread that waits: the client library asks
/// them synchronously, on threads of the pool, for as long as a primary hangs.
/// </summary>
internal static class Sentinels
{
    /// <summary>One that does not answer within it is as good as gone.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    /// <summary>The primary that most of those who answer name; without one, why there is none.</summary>
    public static async Task<(EndPoint? Primary, string? Failure)> FindAsync(
        ConfigurationOptions sentinels, StoreTlsOptions? tls, StoreNames names, TimeProvider time, CancellationToken cancellation)
    {
        using var over = new CancellationTokenSource(Patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellation);
        var answers = await Task.WhenAll(sentinels.EndPoints.Select(endpoint => AskAsync(endpoint, sentinels, tls, names, both.Token)));
        var primary = answers.Where(answer => answer.Primary is not null).GroupBy(answer => answer.Primary)
            .MaxBy(group => group.Count())?.Key;
        return (primary, primary is null ? "no Sentinel names the primary: " + answers[0].Failure : null);
    }

    private static async Task<(EndPoint? Primary, string? Failure)> AskAsync(
        EndPoint endpoint, ConfigurationOptions options, StoreTlsOptions? tls, StoreNames names, CancellationToken cancellation)
    {
        try
        {
            await using var client = await RespClient.ConnectAsync(endpoint, options, tls, names, cancellation);
            await SignInAsync(client, options, cancellation);
            var told = await client.AskAsync(cancellation, "SENTINEL", "get-master-addr-by-name", options.ServiceName!);
            return told is [{ } host, { } port] && EndPointCollection.TryParse($"{Bracketed(host)}:{port}") is { } primary
                ? (primary, null)
                : (null, "they do not know the service");
        }
        catch (Exception exception) when (exception
            is SocketException or IOException or AuthenticationException or CryptographicException
            or OperationCanceledException or RespException)
        {
            return (null, ConnectFailure.Describe(exception));
        }
    }

    /// <summary>As with the servers, unless Sentinels have words of their own; one that asks for none is content.</summary>
    private static async Task SignInAsync(RespClient client, ConfigurationOptions options, CancellationToken cancellation)
    {
        if ((options.SentinelPassword ?? options.Password) is not { Length: > 0 } password)
        {
            return;
        }

        var user = options.SentinelPassword is null ? options.User : options.SentinelUser;
        try
        {
            await client.AskAsync(cancellation, string.IsNullOrEmpty(user) ? ["AUTH", password] : ["AUTH", user, password]);
        }
        catch (RespException)
        {
            // Whether it mattered is told by the answer to the question.
        }
    }

    private static string Bracketed(string host) => host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host;
}
