using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace EdgeProxy.Configuration;

/// <summary>What is wrong with an address or a host, in words; null when nothing is.</summary>
internal static partial class AddressText
{
    /// <summary>An absolute http(s) address to which YARP appends the request's path.</summary>
    public static string? FaultOfDestination(string text)
    {
        if (text.Any(c => char.IsWhiteSpace(c) || char.IsControl(c) || c == '\\'))
        {
            return "has white space or a backslash in it";
        }

        if (!HasScheme(text) || !Uri.TryCreate(text, UriKind.Absolute, out var address) || address.Host.Length == 0)
        {
            return HasScheme(text) && HasFaultyPort(text)
                ? "has a port that is not a number from 1 to 65535"
                : "is not an absolute http or https address";
        }

        return (address.Port, address.UserInfo.Length, address.Query.Length + address.Fragment.Length) switch
        {
            (0, _, _) => "has port 0",
            (_, > 0, _) => "has a user name in it, which would not be sent",
            (_, _, > 0) => "has a query or fragment; the request's path is appended to the address",
            _ => null,
        };
    }

    /// <summary>The address that was probably meant.</summary>
    public static string? SuggestDestination(string text)
    {
        var trimmed = text.Trim();
        var candidate = HasScheme(trimmed) ? trimmed : "http://" + trimmed;
        var isLikelyHost = trimmed == "localhost"
            || (trimmed.AsSpan().ContainsAny(':', '.') && !trimmed.Contains("//", StringComparison.Ordinal));
        return isLikelyHost && candidate != text && FaultOfDestination(candidate) is null ? candidate : null;
    }

    /// <summary>A host of a route: `name`, `*.name` or `*`, each with a port or `:*` behind it if need be.</summary>
    public static string? FaultOfHost(string text)
    {
        if (text.Contains("://", StringComparison.Ordinal))
        {
            return "has a scheme; a host is a name and perhaps a port";
        }

        if (text.Contains('/', StringComparison.Ordinal))
        {
            return "has a path; a host is a name and perhaps a port";
        }

        var parts = text.Split(':');
        if (parts.Length > 2)
        {
            return "is an IPv6 address or has two ports; routes match names and IPv4 addresses";
        }

        if (parts.Length == 2 && parts[1] != "*" && !IsPort(parts[1]))
        {
            return "has a port that is not a number from 1 to 65535";
        }

        var name = parts[0].StartsWith("*.", StringComparison.Ordinal) ? parts[0][2..] : parts[0];
        if (name.Contains('*', StringComparison.Ordinal) && parts[0] != "*")
        {
            return "has a wildcard that is not the whole first label, as in *.example.com";
        }

        return parts[0] == "*" || Name().IsMatch(name) ? null : "is not a host name";
    }

    /// <summary>The host that was probably meant.</summary>
    public static string? SuggestHost(string text)
    {
        var start = text.IndexOf("://", StringComparison.Ordinal) is var scheme and >= 0 ? scheme + 3 : 0;
        var end = text.IndexOf('/', start);
        var candidate = end < 0 ? text[start..] : text[start..end];
        return candidate != text && FaultOfHost(candidate) is null ? candidate : null;
    }

    /// <summary>A Host field to send: a name or an address, and perhaps a port.</summary>
    public static string? FaultOfHostField(string text) =>
        Uri.TryCreate("http://" + text + "/", UriKind.Absolute, out var uri)
        && uri is { UserInfo.Length: 0, AbsolutePath: "/", Query.Length: 0, Fragment.Length: 0, Port: not 0 }
        && !text.Any(char.IsWhiteSpace)
            ? null
            : "is not a host, with or without a port";

    /// <summary>An address to listen at.</summary>
    public static string? FaultOfListener(string text, out BindingAddress? address)
    {
        address = null;
        if (!HasScheme(text))
        {
            return "does not begin with http:// or https://";
        }

        try
        {
            address = BindingAddress.Parse(text);
        }
        catch (FormatException)
        {
            return "is not an address such as http://127.0.0.1:8080";
        }

        return address switch
        {
            { PathBase.Length: > 0 } => "has a path",
            { Port: < 0 or > 65_535 } => "has no port from 0 to 65535",
            { Host: "localhost" or "*" or "+" } => null,
            _ when IPAddress.TryParse(address.Host.Trim('[', ']'), out _) => null,
            _ when HasFaultyPort(text) => "has a port that is not a number from 0 to 65535",
            _ => "has a host that is not an IP address, localhost or *",
        };
    }

    /// <summary>The connection string that `redis://127.0.0.1:6379` or the like means; null when there may be a secret in it.</summary>
    public static string? SuggestStore(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var address)
        && address is { Scheme: "redis" or "rediss", UserInfo.Length: 0, AbsolutePath: "" or "/", Query.Length: 0, Host.Length: > 0 }
            ? address.Host + (address.Port > 0 ? $":{address.Port}" : "") + (address.Scheme == "rediss" ? ",ssl=true" : "")
            : null;

    public static bool IsLoopback(BindingAddress address) =>
        address.Host == "localhost" || (IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));

    /// <summary>What stands behind the host's one colon is no port.</summary>
    private static bool HasFaultyPort(string text)
    {
        var start = text.IndexOf("://", StringComparison.Ordinal) + 3;
        var length = text.AsSpan(start).IndexOfAny('/', '?', '#');
        var authority = length < 0 ? text[start..] : text.Substring(start, length);
        var parts = authority[(authority.LastIndexOf(']') + 1)..].Split(':');
        return parts.Length == 2 && !ushort.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out _);
    }

    private static bool HasScheme(string text) =>
        text.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || text.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    private static bool IsPort(string text) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0;

    [GeneratedRegex(@"^[\p{L}\p{M}\p{N}_][\p{L}\p{M}\p{N}_-]*(\.[\p{L}\p{M}\p{N}_][\p{L}\p{M}\p{N}_-]*)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
