using System.Collections.Frozen;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Requests;

/// <summary>
/// Fields of a request that end at the edge, whoever is to read them next: what only a trusted proxy may say, what belongs to one
/// connection, and twins of such names with underscores. They are removed from the request itself. A copy that is cleaned later is not
/// enough: matchers, keys of limits and some transforms read the request. The fields are seen in the one pass that checks them.
/// </summary>
/// <param name="edge">What is known of the peer.</param>
internal struct ReceivedFields(EdgeContext edge, bool isHttp1)
{
    private const string ForwardedPrefix = "X-Forwarded-";
    private const string Forwarded = "Forwarded";
    private const string RealIp = "X-Real-IP";
    private const string TransferCodings = "TE";
    private const string TraceParent = "traceparent";
    private const string TraceState = "tracestate";

    /// <summary>
    /// Fields of one connection that nothing in the edge reads. `Connection`, `Upgrade` and the framing stay: the forwarder reads them.
    /// </summary>
    private static readonly FrozenSet<string> HopByHop = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization", "Proxy-Features",
        "Proxy-Instruction", "HTTP2-Settings", "Close", "Security-Scheme");

    /// <summary>Fields that destinations read as `X_NAME` as well, such as those behind CGI and WSGI, where both look the same.</summary>
    private static readonly FrozenSet<string> Twinned = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        EdgeFields.RequestId, RealIp, "Transfer-Encoding", "Content-Length", "Content-Type", "Proxy-Authorization", "Keep-Alive",
        EdgeFields.DecisionToken, EdgeFields.Attempt, EdgeFields.Hops);

    private List<string>? _unwanted;

    /// <summary>Notes the field if it ends here. The default value of this type, for trailers, notes none.</summary>
    public void See(string name, StringValues value)
    {
        if (edge is not null && (IsUnwanted(name, edge, isHttp1) || (IsRequestId(name) && value != edge.RequestId)))
        {
            (_unwanted ??= []).Add(name);
        }
    }

    /// <summary>Removes what was noted. To be called once, when the edge has read what is for itself.</summary>
    public readonly void RemoveFrom(IHeaderDictionary fields)
    {
        if (_unwanted is not null)
        {
            foreach (var name in _unwanted)
            {
                fields.Remove(name);
            }
        }
    }

    /// <summary>What a peer says of others, and only a trusted one is believed: whom it speaks for.</summary>
    public static bool IsForTrustedPeers(string name) =>
        name.StartsWith(ForwardedPrefix, StringComparison.OrdinalIgnoreCase) || Is(name, Forwarded) || Is(name, RealIp);

    private static bool IsUnwanted(string name, EdgeContext edge, bool isHttp1) => (name[0] | 0x20) switch
    {
        'c' or 'h' or 'k' or 'p' or 's' => HopByHop.Contains(name),
        'f' => !edge.PeerIsTrusted && Is(name, Forwarded),
        't' => (isHttp1 && Is(name, TransferCodings)) // on HTTP/2 the server lets `trailers` pass alone
            || (!edge.ContinuesTrace && (Is(name, TraceParent) || Is(name, TraceState))),
        'x' => Is(name, EdgeFields.DecisionToken) || Is(name, EdgeFields.Attempt) || Is(name, EdgeFields.Hops)
            || (!edge.PeerIsTrusted && IsForTrustedPeers(name)),
        _ => false,
    }
        ? !IsKeyOfClients(name, edge) // that one goes when its client is known
        : name.Contains('_') && IsTwin(name.Replace('_', '-'), edge);

    private static bool IsTwin(string name, EdgeContext edge) =>
        name.StartsWith(ForwardedPrefix, StringComparison.OrdinalIgnoreCase) || Twinned.Contains(name) || IsKeyOfClients(name, edge);

    private static bool IsKeyOfClients(string name, EdgeContext edge) =>
        name.Equals(edge.Revision.Clients.ApiKeyHeader, StringComparison.OrdinalIgnoreCase);

    private static bool IsRequestId(string name) => name.Length == EdgeFields.RequestId.Length && Is(name, EdgeFields.RequestId);

    private static bool Is(string name, string other) => name.Equals(other, StringComparison.OrdinalIgnoreCase);
}
