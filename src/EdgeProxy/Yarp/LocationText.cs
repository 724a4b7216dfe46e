namespace EdgeProxy.Yarp;

/// <summary>
/// Turns a reference that a destination gives for itself, as in `Location`, into one for the edge's clients: the route's changes of the
/// path, undone in reverse. Pure.
/// </summary>
/// <param name="steps">Escaped prefixes in the order of the transforms, without a slash at the end: taken away, or put before.</param>
internal sealed class LocationText(IReadOnlyList<(bool IsRemoved, string Prefix)> steps)
{
    /// <param name="reference">As the destination wrote it.</param>
    /// <param name="address">The destination's address: its path is no part of the client's.</param>
    /// <param name="destinationHosts">Authorities that mean the destination; a reference to them becomes one without authority.</param>
    /// <param name="clientHost">The authority that the client asked; a reference to it keeps it.</param>
    /// <returns>Null: it leads elsewhere, or stands as it is.</returns>
    public string? Rewrite(string reference, string address, ReadOnlySpan<string?> destinationHosts, string? clientHost)
    {
        var origin = "";
        var path = reference;
        var authorityAt = reference.StartsWith("//", StringComparison.Ordinal) ? 2
            : reference.StartsWith("http://", StringComparison.OrdinalIgnoreCase) ? 7
            : reference.StartsWith("https://", StringComparison.OrdinalIgnoreCase) ? 8
            : 0;
        if (authorityAt > 0)
        {
            var end = reference.AsSpan(authorityAt).IndexOfAny('/', '?', '#') is var at and >= 0 ? authorityAt + at : reference.Length;
            var authority = reference[authorityAt..end];
            path = end < reference.Length && reference[end] == '/' ? reference[end..] : "/" + reference[end..];
            var isClients = authority.Equals(clientHost, StringComparison.OrdinalIgnoreCase);
            if (!isClients && !Contains(destinationHosts, authority))
            {
                return null;
            }

            origin = isClients ? reference[..end] : "";
        }

        if (!path.StartsWith('/'))
        {
            return null; // relative to the path that the client has asked for
        }

        var rest = path.AsSpan().IndexOfAny('?', '#') is var cut and >= 0 ? path[cut..] : "";
        var changed = Undo(path[..^rest.Length], address);
        return changed is null || changed.StartsWith("//", StringComparison.Ordinal) ? null : origin + changed + rest;
    }

    private static bool Contains(ReadOnlySpan<string?> hosts, string authority)
    {
        foreach (var host in hosts)
        {
            if (authority.Equals(host, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private string? Undo(string path, string address)
    {
        foreach (var (isRemoved, prefix) in steps)
        {
            if (isRemoved && Without(path, prefix) is not null)
            {
                return null; // the destination knows the prefix and has written it
            }
        }

        var slash = address.IndexOf('/', address.IndexOf("://", StringComparison.Ordinal) + 3);
        var changed = Without(path, slash < 0 ? "" : address[slash..].TrimEnd('/'));
        for (var i = steps.Count - 1; i >= 0 && changed is not null; i--)
        {
            changed = steps[i].IsRemoved ? steps[i].Prefix + changed : Without(changed, steps[i].Prefix);
        }

        return changed;
    }

    /// <summary>Null: the path does not begin with these segments.</summary>
    private static string? Without(string path, string prefix) =>
        path.StartsWith(prefix, StringComparison.Ordinal) && (path.Length == prefix.Length || path[prefix.Length] == '/')
            ? path[prefix.Length..]
            : null;
}
