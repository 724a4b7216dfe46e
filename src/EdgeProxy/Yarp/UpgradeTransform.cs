using System.Net;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Yarp;

/// <summary>
/// Asks a destination for whatever protocol the client asks for, with the client's method. The forwarder knows WebSockets and SPDY
/// alone, and asks for those with GET, which is another verb to a server such as Kubernetes.
/// </summary>
internal sealed class UpgradeTransform : RequestTransform
{
    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        var client = context.HttpContext.Request;
        var upgrade = client.Headers.Upgrade;
        if (upgrade.Count == 0 || context.HttpContext.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true })
        {
            return default;
        }

        var request = context.ProxyRequest;
        if (Upgrades.AreForwarders(upgrade.ToString()))
        {
            // CONNECT: a WebSocket that goes on over HTTP/2.
            request.Method = request.Method == HttpMethod.Connect ? request.Method : HttpMethod.Parse(client.Method);
            return default;
        }

        var mayAsk = request.Version.Major == 1 || request.VersionPolicy == HttpVersionPolicy.RequestVersionOrLower;
        if (mayAsk && Upgrades.Pass(upgrade))
        {
            request.Version = HttpVersion.Version11;
            request.VersionPolicy = HttpVersionPolicy.RequestVersionOrLower;
            request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
            request.Headers.TryAddWithoutValidation("Upgrade", (IEnumerable<string?>)upgrade);
        }

        return default;
    }
}
