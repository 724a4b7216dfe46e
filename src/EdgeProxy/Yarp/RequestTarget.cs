using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Yarp;

/// <summary>
/// Path and query toward the destination while transforms of the route change them. They are kept as they were received, escapes and
/// all, beside the decoded path that transforms compare with: what no transform touches leaves byte for byte.
/// </summary>
internal sealed class RequestTarget
{
    /// <summary>What YARP leaves unescaped in a path of the configuration.</summary>
    private static readonly SearchValues<char> PathCharacters =
        SearchValues.Create("!$&'()*+,-./0123456789:;=@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~");

    private RequestTarget(string received, string decoded, string query) =>
        (Received, Path, Decoded, Query) = (received, received, decoded, query);

    /// <summary>The path as it was received, without dot segments. Empty when the target has none.</summary>
    public string Received { get; }

    /// <summary>The path by now, escaped.</summary>
    public string Path { get; private set; }

    /// <summary>The path by now, decoded as routing decodes: all but `%2F`.</summary>
    public string Decoded { get; private set; }

    /// <summary>The query by now with its question mark; empty when there is none.</summary>
    public string Query { get; set; }

    /// <summary>The request's target, made at first use: only routes with transforms of path or query need it.</summary>
    public static RequestTarget Of(HttpContext context) => context.Edge().Target ??= Create(context);

    private static RequestTarget Create(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        return !RequestPath.TrySplit(target, out var path, out var query)
            ? new RequestTarget("", context.Request.Path.Value ?? "", "")
            : new RequestTarget(
                RequestPath.TryForward(path, out var forwarded) ? forwarded.ToString() : path.ToString(), // else it is refused in the end
                context.Request.Path.Value ?? "",
                query.ToString());
    }

    /// <summary>Puts <paramref name="decoded"/> in place of the path.</summary>
    public void SetPath(string decoded) => (Path, Decoded) = (Escape(decoded), decoded);

    /// <summary>Puts an escaped path in place of the path.</summary>
    public void SetEscapedPath(string escaped) => (Path, Decoded) = (escaped, PathString.FromUriComponent(escaped).Value ?? "");

    /// <summary>Puts <paramref name="prefix"/>, decoded, before the path. One slash of two that meet goes.</summary>
    public void AddPrefix(string prefix)
    {
        var escaped = Escape(prefix);
        Path = prefix.EndsWith('/') && Path.StartsWith('/') ? string.Concat(escaped, Path.AsSpan(1)) : escaped + Path;
        Decoded = (new PathString(prefix) + new PathString(Decoded)).Value ?? "";
    }

    /// <summary>Takes <paramref name="prefix"/>, decoded, from the path when that begins with these segments.</summary>
    public void RemovePrefix(string prefix)
    {
        if (new PathString(Decoded).StartsWithSegments(prefix, out var rest))
        {
            // Escapes never stand for a slash that separates, so that slashes are counted the same in both.
            Path = Path[StartOf(Path, prefix.AsSpan().Count('/'))..];
            Decoded = rest.Value ?? "";
        }
    }

    /// <summary>Where the slash stands that has <paramref name="slashes"/> before it; the end of the path when there is none.</summary>
    public static int StartOf(ReadOnlySpan<char> path, int slashes)
    {
        for (var i = 0; i < path.Length; i++)
        {
            if (path[i] == '/' && slashes-- == 0)
            {
                return i;
            }
        }

        return path.Length;
    }

    /// <summary>A path of the configuration, or a decoded value, as a destination is sent it.</summary>
    public static string Escape(string text)
    {
        if (text.AsSpan().IndexOfAnyExcept(PathCharacters) < 0)
        {
            return text;
        }

        var escaped = new StringBuilder(text.Length + 16);
        for (var rest = text.AsSpan(); !rest.IsEmpty;)
        {
            var plain = rest.IndexOfAnyExcept(PathCharacters) is var end and >= 0 ? end : rest.Length;
            escaped.Append(rest[..plain]);
            rest = rest[plain..];
            var odd = rest.IndexOfAny(PathCharacters) is var next and >= 0 ? next : rest.Length;
            escaped.Append(Uri.EscapeDataString(rest[..odd]));
            rest = rest[odd..];
        }

        return escaped.ToString();
    }
}
