using System.Collections.Frozen;
using EdgeProxy.Configuration;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Yarp;

/// <summary>
/// Fields of a request toward its destination: what belongs to one connection only and what strangers may not claim goes, what
/// the edge vouches for comes. Runs before the transforms of the route, which therefore have the last word.
/// </summary>
/// <param name="forwarded">Write `X-Forwarded-*`. False when the route's own transforms do.</param>
internal sealed class RequestFieldsTransform(bool forwarded) : RequestTransform
{
    private const string ForwardedPrefix = "X-Forwarded-";
    private const string ForwardedFor = "X-Forwarded-For";
    private const string ForwardedProto = "X-Forwarded-Proto";
    private const string ForwardedHost = "X-Forwarded-Host";
    private const string TraceParentField = "traceparent";
    private const string TraceState = "tracestate";

    /// <summary>Fields that destinations read as `X_NAME` as well, such as those behind CGI and WSGI, where both look the same.</summary>
    private static readonly FrozenSet<string> Twinned = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        EdgeFields.RequestId, "X-Real-Ip", "Transfer-Encoding", "Content-Length", "Content-Type", "Proxy-Authorization", "Keep-Alive",
        EdgeFields.DecisionToken, EdgeFields.Attempt);

    /// <summary>Fields that `Connection` may not take away: framing, and where the request goes.</summary>
    private static readonly FrozenSet<string> NotNominable = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        "Host", "Content-Length", "Transfer-Encoding", "Upgrade", "Keep-Alive", "Close");

    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        var http = context.HttpContext;
        var edge = http.Edge();
        context.ProxyRequest.SentFor(http);
        edge.SentTo = context.DestinationPrefix;

        RemoveNominated(context, http.Request.Headers.Connection);
        RemoveClaims(context, edge);
        if (forwarded)
        {
            SetForwarded(context, edge);
        }

        var fields = context.ProxyRequest.Headers;
        fields.Remove(EdgeFields.RequestId);
        fields.TryAddWithoutValidation(EdgeFields.RequestId, edge.RequestId);
        fields.Remove(TraceParentField);
        fields.TryAddWithoutValidation(TraceParentField, edge.TraceParent);
        if (!edge.ContinuesTrace)
        {
            fields.Remove(TraceState);
        }

        if (HttpMethods.IsConnect(http.Request.Method))
        {
            // A WebSocket over HTTP/2 has no key; YARP adds one for an HTTP/1.1 destination, and must not find a second.
            fields.Remove("Sec-WebSocket-Key");
        }

        return default;
    }

    private static void RemoveNominated(RequestTransformContext context, StringValues connection)
    {
        if (connection.Count == 0 || (connection.Count == 1 && connection[0] is "keep-alive" or "close" or "Upgrade"))
        {
            return;
        }

        foreach (var name in ConnectionOptions.In(connection))
        {
            if (!NotNominable.Contains(name))
            {
                RemoveHeader(context, name);
            }
        }
    }

    /// <summary>Takes away underscore twins from everybody, and from peers that are not trusted what only a proxy may say.</summary>
    private static void RemoveClaims(RequestTransformContext context, EdgeContext edge)
    {
        foreach (var (name, _) in context.HttpContext.Request.Headers)
        {
            var isTwin = name.Contains('_') && IsTwin(name.Replace('_', '-'), edge.Revision);
            var isClaim = !edge.PeerIsTrusted
                && (name.StartsWith(ForwardedPrefix, StringComparison.OrdinalIgnoreCase)
                    || name.Equals("Forwarded", StringComparison.OrdinalIgnoreCase));
            var isToken = name.Equals(EdgeFields.DecisionToken, StringComparison.OrdinalIgnoreCase); // of an edge, not of its destinations
            var isAttempt = name.Equals(EdgeFields.Attempt, StringComparison.OrdinalIgnoreCase); // of the hop before, if of anybody
            if (isTwin || isClaim || isToken || isAttempt)
            {
                RemoveHeader(context, name);
            }
        }
    }

    private static bool IsTwin(string name, Revision revision) =>
        name.StartsWith(ForwardedPrefix, StringComparison.OrdinalIgnoreCase)
        || Twinned.Contains(name)
        || name.Equals(revision.Clients.ApiKeyHeader, StringComparison.OrdinalIgnoreCase);

    private static void SetForwarded(RequestTransformContext context, EdgeContext edge)
    {
        var request = context.HttpContext.Request;
        var fields = context.ProxyRequest.Headers;
        var peer = context.HttpContext.Connection.RemoteIpAddress?.ToString() ?? "unknown";
        if (!edge.PeerIsTrusted)
        {
            fields.TryAddWithoutValidation(ForwardedFor, peer);
            fields.TryAddWithoutValidation(ForwardedProto, request.Scheme);
            AddUnlessEmpty(context, ForwardedHost, request.Host.Value);
            return;
        }

        var chain = request.Headers[ForwardedFor];
        fields.Remove(ForwardedFor);
        fields.TryAddWithoutValidation(ForwardedFor, StringValues.IsNullOrEmpty(chain) ? peer : $"{chain}, {peer}");
        if (!fields.Contains(ForwardedProto))
        {
            fields.TryAddWithoutValidation(ForwardedProto, request.Scheme);
        }

        if (!fields.Contains(ForwardedHost))
        {
            AddUnlessEmpty(context, ForwardedHost, request.Host.Value);
        }
    }

    private static void AddUnlessEmpty(RequestTransformContext context, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            context.ProxyRequest.Headers.TryAddWithoutValidation(name, value);
        }
    }
}
