using System.Buffers;
using System.Text;

namespace EdgeProxy.Yarp;

/// <summary>
/// The path toward the destination when no transform changes it: byte for byte what the client sent, so long as it means what
/// the edge has routed by. Kestrel routes by the decoded path without dot segments, and leaves `%2F` alone:
/// dot segments are therefore taken out here too, and a dot segment that only shows once a destination takes `%2F`, `%5C` or a
/// backslash for a slash, or cuts off `;parameters`, is refused: it would lead out of the route.
/// </summary>
internal static class RequestPath
{
    private static readonly SearchValues<char> Suspicious = SearchValues.Create("%\\;");

    /// <summary>Path and query of a request target in origin or absolute form; null for the other forms.</summary>
    public static bool TrySplit(string target, out ReadOnlyMemory<char> path, out ReadOnlyMemory<char> query)
    {
        var start = 0;
        if (target.Length == 0 || target[0] != '/')
        {
            var authority = target.IndexOf("://", StringComparison.Ordinal);
            start = authority < 0 ? -1 : target.AsSpan(authority + 3).IndexOfAny('/', '?');
            if (start < 0)
            {
                path = query = default;
                return false;
            }

            start += authority + 3;
        }

        var question = target.IndexOf('?', start);
        var end = question < 0 ? target.Length : question;
        path = start == end ? "/".AsMemory() : target.AsMemory(start, end - start);
        query = target.AsMemory(end);
        return true;
    }

    /// <summary>What to send for <paramref name="path"/>; false when no destination can be trusted to read it as the edge did.</summary>
    public static bool TryForward(ReadOnlyMemory<char> path, out ReadOnlyMemory<char> forwarded)
    {
        forwarded = path;
        var text = path.Span;
        if (text.IndexOf("/.", StringComparison.Ordinal) < 0 && text.IndexOfAny(Suspicious) < 0)
        {
            return true;
        }

        var hasDots = false;
        foreach (var range in text.Split('/'))
        {
            var segment = text[range];
            if (IsDots(segment, out _))
            {
                hasDots = true;
            }
            else if (HidesDots(segment))
            {
                return false;
            }
        }

        if (hasDots)
        {
            forwarded = WithoutDots(text).AsMemory();
        }

        return true;
    }

    private static bool HidesDots(ReadOnlySpan<char> segment)
    {
        while (!segment.IsEmpty)
        {
            var end = NextHiddenSlash(segment, out var width);
            var part = segment[..end];
            var parameters = part.IndexOf(';');
            if (IsDots(parameters < 0 ? part : part[..parameters], out _))
            {
                return true;
            }

            segment = segment[(end + width)..];
        }

        return false;
    }

    private static int NextHiddenSlash(ReadOnlySpan<char> segment, out int width)
    {
        for (var i = 0; i < segment.Length; i++)
        {
            if (segment[i] == '\\')
            {
                width = 1;
                return i;
            }

            var escaped = segment[i..];
            if (escaped.StartsWith("%2f", StringComparison.OrdinalIgnoreCase)
                || escaped.StartsWith("%5c", StringComparison.OrdinalIgnoreCase))
            {
                width = 3;
                return i;
            }
        }

        width = 0;
        return segment.Length;
    }

    /// <summary>Whether the segment is `.` or `..`, escaped or not.</summary>
    private static bool IsDots(ReadOnlySpan<char> segment, out int dots)
    {
        dots = 0;
        while (!segment.IsEmpty)
        {
            var width = segment[0] == '.' ? 1 : segment.StartsWith("%2e", StringComparison.OrdinalIgnoreCase) ? 3 : 0;
            if (width == 0)
            {
                return false;
            }

            dots++;
            segment = segment[width..];
        }

        return dots is 1 or 2;
    }

    private static string WithoutDots(ReadOnlySpan<char> path)
    {
        var result = new StringBuilder(path.Length);
        var rest = path[1..];
        while (true)
        {
            var slash = rest.IndexOf('/');
            var segment = slash < 0 ? rest : rest[..slash];
            if (!IsDots(segment, out var dots))
            {
                result.Append('/').Append(segment);
            }
            else
            {
                if (dots == 2)
                {
                    result.Length = Math.Max(0, result.ToString().LastIndexOf('/'));
                }

                if (slash < 0)
                {
                    return result.Append('/').ToString();
                }
            }

            if (slash < 0)
            {
                return result.ToString();
            }

            rest = rest[(slash + 1)..];
        }
    }
}
