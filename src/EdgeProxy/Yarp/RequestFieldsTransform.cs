using System.Collections.Frozen;
using System.Globalization;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Yarp;

/// <summary>
/// Fields of a request toward its destination: what `Connection` nominates goes, what the edge vouches for comes. What strangers may not
/// claim is gone from the request already. Runs before the transforms of the route, which therefore have the last word.
/// </summary>
/// <param name="forwarded">Write `X-Forwarded-*`. False when the route's own transforms do.</param>
internal sealed class RequestFieldsTransform(bool forwarded) : RequestTransform
{
    private const string ForwardedFor = "X-Forwarded-For";
    private const string ForwardedProto = "X-Forwarded-Proto";
    private const string ForwardedHost = "X-Forwarded-Host";
    private const string TraceParentField = "traceparent";

    /// <summary>Fields that `Connection` may not take away: framing, where the request goes, and whom it comes from.</summary>
    private static readonly FrozenSet<string> NotNominable = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        "Host", "Content-Length", "Transfer-Encoding", "Upgrade", "Keep-Alive", "Close", ForwardedFor, ForwardedProto, ForwardedHost);

    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        var http = context.HttpContext;
        var edge = http.Edge();
        context.ProxyRequest.SentFor(http);
        edge.SentTo = context.DestinationPrefix;
        edge.Target = null; // of a forward to another cluster

        RemoveNominated(context, http.Request.Headers.Connection);
        CopyFraming(context);
        if (forwarded)
        {
            SetForwarded(context, edge);
        }

        var fields = context.ProxyRequest.Headers;
        fields.Remove(EdgeFields.RequestId);
        fields.TryAddWithoutValidation(EdgeFields.RequestId, edge.RequestId);
        fields.TryAddWithoutValidation(EdgeFields.Hops, (edge.Hops + 1).ToString(CultureInfo.InvariantCulture));
        fields.Remove(TraceParentField);
        fields.TryAddWithoutValidation(TraceParentField, edge.TraceParent);
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
                if (!context.HeadersCopied)
                {
                    context.HttpContext.Request.Headers.Remove(name); // the route's transforms read the request itself
                }
            }
        }
    }

    /// <summary>A body of a known length keeps it, also where the route does not copy fields: the length is framing.</summary>
    private static void CopyFraming(RequestTransformContext context)
    {
        if (!context.HeadersCopied && context.HttpContext.Request.ContentLength is { } length && context.ProxyRequest.Content is { } body)
        {
            body.Headers.ContentLength = length;
        }
    }

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
        Keep(context, ForwardedProto, request.Scheme);
        Keep(context, ForwardedHost, request.Host.Value);
    }

    /// <summary>What the trusted peer says, copied or not; what the edge sees when it says nothing.</summary>
    private static void Keep(RequestTransformContext context, string name, string? seen)
    {
        var received = context.HttpContext.Request.Headers[name];
        if (received.Count == 0)
        {
            AddUnlessEmpty(context, name, seen);
        }
        else if (!context.HeadersCopied)
        {
            AddHeader(context, name, received);
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
