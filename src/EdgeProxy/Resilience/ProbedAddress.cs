using System.Net;
using System.Runtime.ExceptionServices;
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

    /// <summary>The probe goes over HTTP/1.1 when it fails over HTTP/2.</summary>
    public static void MayTryHttp1(HttpRequestMessage probe) => probe.Options.Set(TriesHttp1, true);

    /// <summary>Sends a probe; what it fails with remembers where it went.</summary>
    public static async Task<HttpResponseMessage> SendAsync(
        UpstreamPools pools, HttpRequestMessage probe, CancellationToken cancellation)
    {
        var isGood = false;
        try
        {
            var answer = await (probe.Options.TryGetValue(TriesHttp1, out _)
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

    /// <summary>Over HTTP/1.1 where the address answered over that last; else over HTTP/2, and over HTTP/1.1 when that fails.</summary>
    private static async Task<HttpResponseMessage> SendEitherAsync(
        UpstreamPools pools, HttpRequestMessage probe, CancellationToken cancellation)
    {
        var address = probe.RequestUri!;
        if (pools.SpeaksHttp1(address))
        {
            try
            {
                return await SendHttp1Async(pools, probe, cancellation);
            }
            catch
            {
                pools.SpeaksHttp1(address, false);
                throw;
            }
        }

        try
        {
            return await pools.ProbesOf(address).SendAsync(probe, cancellation);
        }
        catch (HttpRequestException exception) when (exception.HttpRequestError is not (
            HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError))
        {
            try
            {
                var answer = await SendHttp1Async(pools, probe, cancellation);
                pools.SpeaksHttp1(address, true);
                return answer;
            }
            catch (HttpRequestException)
            {
                ExceptionDispatchInfo.Throw(exception); // neither: the protocol of the cluster is what was asked for
                throw;
            }
        }
    }

    private static async Task<HttpResponseMessage> SendHttp1Async(
        UpstreamPools pools, HttpRequestMessage probe, CancellationToken cancellation)
    {
        var (version, policy) = (probe.Version, probe.VersionPolicy);
        (probe.Version, probe.VersionPolicy) = (HttpVersion.Version11, HttpVersionPolicy.RequestVersionExact);
        try
        {
            return await pools.ProbesOf(probe.RequestUri!).SendAsync(probe, cancellation);
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
