using Yarp.ReverseProxy.Health;

namespace EdgeProxy.Resilience;

/// <summary>Where a probe really went: a reload may have given its destination another address since.</summary>
internal static class ProbedAddress
{
    private const string Key = "edgeproxy.probed";

    /// <summary>Sends a probe; what it fails with remembers where it went.</summary>
    public static async Task<HttpResponseMessage> SendAsync(
        HttpMessageInvoker pool, HttpRequestMessage probe, CancellationToken cancellation)
    {
        try
        {
            return await pool.SendAsync(probe, cancellation);
        }
        catch (Exception exception)
        {
            exception.Data[Key] = probe.RequestUri;
            throw;
        }
    }

    /// <summary>The result is about <paramref name="address"/>, or it cannot be told.</summary>
    public static bool IsStillOf(string address, DestinationProbingResult result)
    {
        var probed = result.Response?.RequestMessage?.RequestUri ?? result.Exception?.Data[Key] as Uri;
        return probed is null || probed.AbsoluteUri.StartsWith(new Uri(address).AbsoluteUri.TrimEnd('/'), StringComparison.Ordinal);
    }
}
