using System.Net;
using System.Net.Http.Headers;
using EdgeProxy.Errors;

namespace EdgeProxy.Yarp;

/// <summary>Fields of an answer that end at the edge: what `Connection` nominates, and what only the edge may say.</summary>
internal static class ResponseFields
{
    /// <param name="answer">The destination's answer, before YARP copies it.</param>
    /// <param name="edgeName">Name of this edge in `Proxy-Status`.</param>
    public static void Clean(HttpResponseMessage answer, string edgeName)
    {
        var fields = answer.Headers;
        fields.Remove(EdgeFields.RequestId);
        fields.Remove(EdgeFields.Decision);
        fields.Remove(EdgeFields.Fallback); // what this edge falls back to says so after this
        if (answer.StatusCode == HttpStatusCode.NoContent)
        {
            answer.Content.Headers.Remove("Content-Length"); // no body comes, and the server would wait for one
        }
        else if (answer.StatusCode == HttpStatusCode.ResetContent)
        {
            // RFC 9110, 15.3.6: it has no content. What came all the same could not be written.
            answer.Content.Dispose();
            answer.Content = new ByteArrayContent([]);
        }

        if (answer.ReasonPhrase.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            answer.ReasonPhrase = null; // words for nobody, written as they are; the status has words of its own
        }

        if (fields.NonValidated.TryGetValues("Connection", out var connection))
        {
            RemoveNominated(answer, connection);
        }

        if (fields.NonValidated.TryGetValues(EdgeFields.ProxyStatus, out var status) && Names(status, edgeName))
        {
            fields.Remove(EdgeFields.ProxyStatus);
        }
    }

    /// <summary>Tells of an answer that is the destination's how the edge came by it; takes the place of what it told before.</summary>
    public static void SetDetails(HttpResponseMessage answer, string edgeName, string details)
    {
        var fields = answer.Headers;
        var others = fields.NonValidated.TryGetValues(EdgeFields.ProxyStatus, out var before)
            ? UpstreamFields.StatusOfOthers(before, edgeName)
            : [];
        fields.Remove(EdgeFields.ProxyStatus);
        fields.TryAddWithoutValidation(EdgeFields.ProxyStatus, others.Append($"{edgeName}; details=\"{details}\""));
    }

    /// <summary>
    /// Two lengths, or a length beside chunks: two readers could take two different answers from the same bytes, and the second
    /// one might be somebody else's. A coding other than chunks would be taken for the content: the field ends at the edge.
    /// </summary>
    /// <exception cref="HttpRequestException">It is so.</exception>
    public static void RefuseAmbiguous(HttpResponseMessage answer)
    {
        var isCoded = answer.Headers.NonValidated.TryGetValues("Transfer-Encoding", out var codings);
        if ((answer.Content.Headers.NonValidated.TryGetValues("Content-Length", out var lengths) && (lengths.Count > 1 || isCoded))
            || (isCoded && !codings.ToString().Equals("chunked", StringComparison.OrdinalIgnoreCase)))
        {
            answer.Dispose();
            throw new HttpRequestException(HttpRequestError.InvalidResponse, "The upstream's answer has more than one length.");
        }
    }

    /// <summary>A status that is none (RFC 9110, 15: 100 to 599), or a change of protocol that nobody asked for.</summary>
    /// <exception cref="HttpRequestException">It is so.</exception>
    public static void RefuseUnasked(HttpResponseMessage answer, HttpRequestMessage request)
    {
        if ((int)answer.StatusCode > 599
            || ((int)answer.StatusCode < 200
                && !(answer.StatusCode == HttpStatusCode.SwitchingProtocols && request.Headers.NonValidated.Contains("Upgrade"))))
        {
            answer.Dispose();
            throw new HttpRequestException(HttpRequestError.InvalidResponse, "The upstream's answer ends no request.");
        }
    }

    private static void RemoveNominated(HttpResponseMessage answer, HeaderStringValues connection)
    {
        foreach (var line in connection)
        {
            foreach (var name in ConnectionOptions.In(line))
            {
                // Framing is settled by now, and an upgrade is YARP's to pass on.
                if (name.Equals("Upgrade", StringComparison.OrdinalIgnoreCase)
                    || name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase)
                    || name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase))
                {
                    continue;
                }

                // Asked first: to remove a field of the other kind is an error.
                if (answer.Headers.NonValidated.Contains(name))
                {
                    answer.Headers.Remove(name);
                }
                else if (answer.Content.Headers.NonValidated.Contains(name))
                {
                    answer.Content.Headers.Remove(name);
                }
            }
        }
    }

    /// <summary>Whether one of the members of the list speaks in the name of this edge.</summary>
    public static bool Names(HeaderStringValues status, string edgeName)
    {
        foreach (var line in status)
        {
            foreach (var member in line.Split(',', StringSplitOptions.TrimEntries))
            {
                if (member.Split(';')[0].Trim().Trim('"').Equals(edgeName, StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
