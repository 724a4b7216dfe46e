using System.Net;
using System.Net.Http.Headers;

namespace EdgeProxy.Upstreams;

/// <summary>
/// NTLM and Negotiate vouch for a connection, not for a request: whatever comes next on it comes from the same user. Told by the
/// beginning of the scheme's name, so that `Nego2` and its like count too.
/// </summary>
internal static class ConnectionAuthentication
{
    private static readonly string[] Schemes = ["NTLM", "Nego"];

    /// <summary>The request authenticates the connection that it is sent on.</summary>
    public static bool IsCredential(HttpRequestMessage request) =>
        request.Headers.NonValidated.TryGetValues("Authorization", out var credentials) && Names(credentials);

    /// <summary>The destination asks for such a credential.</summary>
    public static bool IsChallenge(HttpResponseMessage response) =>
        response.StatusCode == HttpStatusCode.Unauthorized
        && response.Headers.NonValidated.TryGetValues("WWW-Authenticate", out var challenges)
        && Names(challenges);

    private static bool Names(HeaderStringValues values)
    {
        foreach (var value in values)
        {
            foreach (var element in value.AsSpan().Split(',')) // challenges may share a line; a comma in a quoted text does no harm
            {
                var scheme = value.AsSpan(element).TrimStart();
                foreach (var known in Schemes)
                {
                    if (scheme.StartsWith(known, StringComparison.OrdinalIgnoreCase))
                    {
                        return true;
                    }
                }
            }
        }

        return false;
    }
}
