using System.Buffers;
using System.Collections.Frozen;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Requests;

/// <summary>What a request has to be before anything is done with it. Pure, and one pass over the fields.</summary>
internal static class RequestRules
{
    private const AddressFamily V6 = AddressFamily.InterNetworkV6;

    private static readonly SearchValues<char> Token = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>Controls that may not stand in a field value: all but the tab. RFC 9110, 5.5.</summary>
    private static readonly SearchValues<char> Controls = SearchValues.Create(
        string.Concat(Enumerable.Range(0, 0x20).Append(0x7F).Where(code => code != '\t').Select(code => (char)code)));

    /// <summary>
    /// All that may stand in a target: visible ASCII but for `#`, which a destination could end the path at. HTTP/2 carries any
    /// byte here; a space would end the target on HTTP/1.1, and what is no ASCII would leave as bytes of an earlier request.
    /// </summary>
    private static readonly SearchValues<char> TargetCharacters = SearchValues.Create(
        string.Concat(Enumerable.Range(0x21, 0x7F - 0x21).Select(code => (char)code).Where(character => character != '#')));

    /// <summary>Methods of the IANA registry, but for CONNECT, TRACE and PRI, which no gateway forwards.</summary>
    private static readonly FrozenSet<string> Methods = new[]
    {
        "ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "COPY", "DELETE", "GET", "HEAD", "LABEL", "LINK", "LOCK", "MERGE",
        "MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "OPTIONS", "ORDERPATCH", "PATCH", "POST",
        "PROPFIND", "PROPPATCH", "PUT", "QUERY", "REBIND", "REPORT", "SEARCH", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE",
        "UPDATEREDIRECTREF", "VERSION-CONTROL",
    }.ToFrozenSet();

    /// <summary>What is wrong with the request; null when nothing is.</summary>
    /// <param name="isWebSocket">An extended CONNECT of HTTP/2 for a WebSocket, the one CONNECT that is served.</param>
    /// <param name="isTrusted">The peer is a proxy whose word for the scheme is taken.</param>
    /// <param name="received">Is shown each field.</param>
    public static EdgeError? Check(
        IHttpRequestFeature request, RequestOptions limits, bool isWebSocket, bool isTrusted, ref ReceivedFields received) =>
        CheckFraming(request)
        ?? CheckFields(request.Headers, limits, ref received)
        ?? CheckHost(request)
        ?? CheckMethod(request.Method, isWebSocket)
        ?? CheckTarget(request.RawTarget, limits)
        ?? CheckAbsoluteForm(request, isTrusted);

    /// <summary>
    /// Fields that belong to a connection of HTTP/1.1 make a request of HTTP/2 malformed (RFC 9113, section 8.2.2). The server sees to
    /// `connection` and to `te` itself.
    /// </summary>
    public static bool BreaksHttp2(IHttpRequestFeature request) =>
        !IsHttp1(request.Protocol)
        && (request.Headers.TransferEncoding.Count > 0 || request.Headers.Upgrade.Count > 0
            || request.Headers.KeepAlive.Count > 0 || request.Headers.ProxyConnection.Count > 0);

    public static bool IsHttp1(string protocol) => HttpProtocol.IsHttp11(protocol) || HttpProtocol.IsHttp10(protocol);

    private static EdgeError? CheckMethod(string method, bool isWebSocket) =>
        Methods.Contains(method) || (isWebSocket && HttpMethods.IsConnect(method)) ? null : EdgeErrors.MethodNotSupported;

    /// <summary>An end of the body that two parties could see in different places. HTTP/2 has frames for that.</summary>
    private static EdgeError? CheckFraming(IHttpRequestFeature request)
    {
        if (request.Headers.TransferEncoding is not { Count: > 0 } codings)
        {
            return null;
        }

        // The server sets a Content-Length beside Transfer-Encoding aside under a name of its own.
        return codings.Count == 1 && string.Equals(codings[0], "chunked", StringComparison.OrdinalIgnoreCase)
            && !HttpProtocol.IsHttp10(request.Protocol)
            && request.Headers.ContentLength is null && !request.Headers.ContainsKey("X-Content-Length")
                ? null
                : EdgeErrors.AmbiguousFraming;
    }

    /// <summary>What is wrong with the fields behind a body; null when nothing is. None says how long it was (RFC 9110, 6.5.1).</summary>
    public static EdgeError? CheckTrailers(IHeaderDictionary trailers, RequestOptions limits)
    {
        var received = default(ReceivedFields);
        return trailers.TransferEncoding.Count > 0 || trailers.ContainsKey("Content-Length")
            ? EdgeErrors.MalformedRequest
            : CheckFields(trailers, limits, ref received);
    }

    private static EdgeError? CheckFields(IHeaderDictionary fields, RequestOptions limits, ref ReceivedFields received)
    {
        var bytes = 0L;
        var count = 0;
        foreach (var field in fields)
        {
            if (field.Key.AsSpan().ContainsAnyExcept(Token) || field.Key.Length == 0)
            {
                return EdgeErrors.MalformedRequest;
            }

            for (var i = 0; i < field.Value.Count; i++)
            {
                var value = field.Value[i].AsSpan();
                if (value.ContainsAny(Controls))
                {
                    return EdgeErrors.MalformedRequest;
                }

                // Values are read as Latin-1: a character is a byte.
                bytes += field.Key.Length + value.Length;
                count++;
            }

            received.See(field.Key, field.Value);
        }

        return bytes > limits.HeaderBytes ? EdgeErrors.HeaderTooLarge
            : count > limits.HeaderCount ? EdgeErrors.TooManyHeaders
            : null;
    }

    private static EdgeError? CheckHost(IHttpRequestFeature request)
    {
        var hosts = request.Headers.Host;
        return hosts.Count == 1 && hosts[0] is { Length: > 0 } host && IsHost(host) ? null
            : hosts.Count == 0 && HttpProtocol.IsHttp10(request.Protocol) ? null
            : EdgeErrors.InvalidHost;
    }

    /// <summary>What the server does not look at: a port that exists, labels, and an address between brackets. No userinfo.</summary>
    private static bool IsHost(ReadOnlySpan<char> host)
    {
        if (host.Contains('@') || host[0] is '.' or ':' || host.Contains("..", StringComparison.Ordinal))
        {
            return false;
        }

        var port = host[(host.LastIndexOf(']') + 1)..];
        var colon = port.IndexOf(':');
        return (host[0] != '[' || (IPAddress.TryParse(host[..^port.Length], out var address) && address.AddressFamily == V6))
            && (colon < 0 || ushort.TryParse(port[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out _));
    }

    /// <summary>
    /// `GET http://host/path`: the scheme is that of the connection, and nobody's name stands before the host (RFC 9110, 4.2.4).
    /// That the host is the one of the field is seen to by the server.
    /// </summary>
    private static EdgeError? CheckAbsoluteForm(IHttpRequestFeature request, bool isTrusted)
    {
        var target = request.RawTarget.AsSpan();
        var scheme = target[0] is '/' or '*' ? -1 : target.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0)
        {
            return null;
        }

        var authority = target[(scheme + 3)..];
        var end = authority.IndexOfAny('/', '?');
        if ((end < 0 ? authority : authority[..end]).Contains('@'))
        {
            return EdgeErrors.InvalidHost;
        }

        if (target[..scheme].Equals(request.Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        if (!isTrusted)
        {
            return EdgeErrors.MalformedRequest;
        }

        request.Scheme = target[..scheme].ToString().ToLowerInvariant(); // the server lets `http` and `https` through
        return null;
    }

    private static EdgeError? CheckTarget(string target, RequestOptions limits)
    {
        if (target.Length > limits.TargetBytes)
        {
            return EdgeErrors.UriTooLong;
        }

        if (target.AsSpan().ContainsAnyExcept(TargetCharacters))
        {
            return EdgeErrors.InvalidPath;
        }

        var query = target.IndexOf('?');
        var path = query < 0 ? target : target.AsSpan(0, query);
        for (var at = path.IndexOf('%'); at >= 0;)
        {
            if (at + 2 >= path.Length || !char.IsAsciiHexDigit(path[at + 1]) || !char.IsAsciiHexDigit(path[at + 2]))
            {
                return EdgeErrors.InvalidPath;
            }

            path = path[(at + 3)..];
            at = path.IndexOf('%');
        }

        return null;
    }
}
