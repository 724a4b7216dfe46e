using System.Collections.Frozen;
using System.Net;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;

namespace EdgeProxy.Admin;

/// <summary>Endpoint metadata: answered without a token.</summary>
internal sealed class OpenToAll
{
    public static OpenToAll Instance { get; } = new();
}

/// <summary>
/// Who may use the admin listener. With a token: whoever presents it. Without one the listener is on loopback, and the only
/// strangers who can reach it are a web page in a browser on this machine, through a name that resolves to 127.0.0.1 or by a
/// request across origins, and the clients of a proxy on this machine, the edge itself included: all are refused. Probes and metrics
/// stay open to proxies.
/// </summary>
internal sealed class AdminGuard(AdminOptions options)
{
    private const string Scheme = "Bearer ";
    private const string ForwardedPrefix = "X-Forwarded-";

    private static readonly FrozenSet<string> WrittenByProxies = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        "Forwarded", "Via", "X-Real-IP", EdgeFields.Attempt);

    private readonly AdminToken? _token = AdminToken.Of(options);

    /// <summary>Why the request is refused; null when it may pass.</summary>
    public EdgeError? Refusal(HttpRequest request, bool openToAll)
    {
        if (_token is null)
        {
            return ComesFromAWebPage(request) ? EdgeErrors.InvalidHost
                : !openToAll && CameThroughAProxy(request) ? EdgeErrors.Forbidden
                : null;
        }

        return openToAll || HasToken(request.Headers.Authorization.ToString(), _token) ? null : EdgeErrors.Unauthenticated;
    }

    private static bool CameThroughAProxy(HttpRequest request)
    {
        foreach (var (name, _) in request.Headers)
        {
            if (name.StartsWith(ForwardedPrefix, StringComparison.OrdinalIgnoreCase) || WrittenByProxies.Contains(name))
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasToken(string authorization, AdminToken token) =>
        authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) && token.Is(authorization[Scheme.Length..].Trim());

    private static bool ComesFromAWebPage(HttpRequest request)
    {
        var host = request.Host;
        var named = host.Host.Trim('[', ']');
        var local = string.Equals(named, "localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(named, out _);
        var origin = request.Headers.Origin.ToString();
        var own = $"{request.Scheme}://{host.Value}";
        return !local || (origin.Length > 0 && !string.Equals(origin, own, StringComparison.OrdinalIgnoreCase));
    }
}
