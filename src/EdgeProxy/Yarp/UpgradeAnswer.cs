using System.Net;

namespace EdgeProxy.Yarp;

/// <summary>Whether a destination has changed to the protocol that it was asked for, and to no other.</summary>
internal static class UpgradeAnswer
{
    private const string Upgrade = "Upgrade";

    /// <summary>
    /// A change to another protocol than the one that was asked for, after which both sides would wait for words of theirs; or an
    /// ordinary success where the client has sent CONNECT, which knows no other sign of acceptance.
    /// </summary>
    /// <exception cref="HttpRequestException">It is so.</exception>
    public static void RefuseOther(HttpResponseMessage answer, HttpRequestMessage request, HttpContext client)
    {
        if (request.Method == HttpMethod.Connect)
        {
            return;
        }

        var isAccepted = answer.StatusCode == HttpStatusCode.SwitchingProtocols;
        if (isAccepted ? !IsSame(answer, request) : answer.IsSuccessStatusCode && HttpMethods.IsConnect(client.Request.Method))
        {
            answer.Dispose();
            throw new HttpRequestException(HttpRequestError.ExtendedConnectNotSupported, "The upstream kept to another protocol.");
        }
    }

    private static bool IsSame(HttpResponseMessage answer, HttpRequestMessage request) =>
        answer.Headers.NonValidated.TryGetValues(Upgrade, out var given)
        && request.Headers.NonValidated.TryGetValues(Upgrade, out var asked)
        && given.Count == 1
        && Upgrades.Holds(asked.ToString(), given.ToString().AsSpan().Trim());
}
