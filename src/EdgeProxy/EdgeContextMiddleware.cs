using System.Net;
using EdgeProxy.AccessLog;
using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using EdgeProxy.Yarp;

namespace EdgeProxy;

/// <summary>
/// Gives each request its <see cref="EdgeContext"/>: the one read of the active revision, who the peer is and whether it is
/// believed, and the request's id.
/// </summary>
internal sealed class EdgeContextMiddleware(
    RequestDelegate next, Revisions revisions, RequestRecorder recorder, TimeProvider time)
{
    public Task Invoke(HttpContext context)
    {
        var revision = revisions.Current;
        var headers = context.Request.Headers;
        var isTrusted = Peer(context.Connection) is { } peer && ClientAddress.IsTrusted(peer, revision.Edge.TrustedProxies);
        var received = isTrusted && headers.TryGetValue(EdgeFields.RequestId, out var ids) && ids.Count == 1 ? ids[0] : null;
        var requestId = RequestIds.IsValid(received) ? received! : RequestIds.New();

        context.TraceIdentifier = requestId;
        var edge = new EdgeContext(revision, requestId, time.GetTimestamp())
        {
            PeerIsTrusted = isTrusted,
            ReceivedTraceParent = headers.TraceParent,
            Record = recorder.Begin(context, revision),
        };
        context.Features.Set(edge);
        context.Response.Headers[EdgeFields.RequestId] = requestId;
        return edge.Record is null ? next(context) : recorder.WatchAsync(context, edge, next);
    }

    /// <summary>The peer's address, from here on without the IPv6 dress that a dual-stack socket gives to IPv4.</summary>
    private static IPAddress? Peer(ConnectionInfo connection)
    {
        var address = connection.RemoteIpAddress;
        if (address is { IsIPv4MappedToIPv6: true })
        {
            connection.RemoteIpAddress = address = address.MapToIPv4();
        }

        return address;
    }
}
