using System.Net;
using Yarp.ReverseProxy.Health;

namespace EdgeProxy.Resilience;

/// <summary>
/// Sends probes. Remembers where each really went, since a reload may have given its destination another address, and which addresses speak
/// HTTP/1.1 beside a cluster that speaks HTTP/2.
/// </summary>
internal static class ProbedAddress
{
    private const string Key = "edgeproxy.probed";

    private static readonly HttpRequestOptionsKey<bool> TriesHttp1 = new("edgeproxy.tries-http1");

    /// <summary>The probe may go over HTTP/1.1 where its address does not speak HTTP/2.</summary>
    public static void MayTryHttp1(HttpRequestMessage probe) => probe.Options.Set(TriesHttp1, true);

    /// <summary>Sends a probe; what it fails with remembers where it went.</summary>
    public static async Task<HttpResponseMessage> SendAsync(
        UpstreamPools pools, HttpRequestMessage probe, CancellationToken cancellation)
    {
        var isGood = false;
        try
        {
            var answer = await (probe.Version.Major == 2 && probe.Options.TryGetValue(TriesHttp1, out _)
                ? SendEitherAsync(pools, probe, cancellation)
                : pools.ProbesOf(probe.RequestUri!).SendAsync(probe, cancellation));
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

    /// <summary>Over the protocol by which the address answered last, else over the other one too. HTTP/2 first.</summary>
    private static async Task<HttpResponseMessage> SendEitherAsync(
        UpstreamPools pools, HttpRequestMessage probe, CancellationToken cancellation)
    {
        var (version, policy) = (probe.Version, probe.VersionPolicy);
        var probes = pools.ProbesOf(probe.RequestUri!);
        if (!pools.SpeaksHttp1(probe.RequestUri!))
        {
            try
            {
                return await probes.SendAsync(probe, cancellation);
            }
            catch (HttpRequestException exception) when (exception.HttpRequestError is not (
                HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError))
            {
                // It has taken the connection and not the protocol.
            }
        }

        (probe.Version, probe.VersionPolicy) = (HttpVersion.Version11, HttpVersionPolicy.RequestVersionExact);
        try
        {
            var answer = await probes.SendAsync(probe, cancellation);
            pools.SpeaksHttp1(probe.RequestUri!, true);
            return answer;
        }
        catch
        {
            pools.SpeaksHttp1(probe.RequestUri!, false);
            throw;
        }
        finally
        {
            (probe.Version, probe.VersionPolicy) = (version, policy);
        }
    }

    /// <summary>The result is about <paramref name="address"/>, or it cannot be told.</summary>
    public static bool IsStillOf(string address, DestinationProbingResult result)
    {
        var probed = result.Response?.RequestMessage?.RequestUri ?? result.Exception?.Data[Key] as Uri;
        return probed is null || probed.AbsoluteUri.StartsWith(new Uri(address).AbsoluteUri.TrimEnd('/'), StringComparison.Ordinal);
    }
}
