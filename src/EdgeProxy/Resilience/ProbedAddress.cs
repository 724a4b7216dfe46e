using Yarp.ReverseProxy.Health;

namespace EdgeProxy.Resilience;

/// <summary>Where a probe really went: a reload may have given its destination another address since.</summary>
internal static class ProbedAddress
{
    private const string Key = "edgeproxy.probed";

    /// <summary>Sends a probe; what it fails with remembers where it went.</summary>
    public static async Task<HttpResponseMessage> SendAsync(
        UpstreamPools pools, HttpRequestMessage probe, CancellationToken cancellation)
    {
        var isGood = false;
        try
        {
            var answer = await pools.ProbesOf(probe.RequestUri!).SendAsync(probe, cancellation);
            isGood = answer.IsSuccessStatusCode;
            return answer;
        }
        catch (Exception exception)
        {
            exception.Data[Key] = probe.RequestUri;
            throw;
        }
        finally
        {
            pools.Probed(probe.RequestUri!, isGood);
        }
    }

    /// <summary>The result is about <paramref name="address"/>, or it cannot be told.</summary>
    public static bool IsStillOf(string address, DestinationProbingResult result)
    {
        var probed = result.Response?.RequestMessage?.RequestUri ?? result.Exception?.Data[Key] as Uri;
        return probed is null || probed.AbsoluteUri.StartsWith(new Uri(address).AbsoluteUri.TrimEnd('/'), StringComparison.Ordinal);
    }
}
