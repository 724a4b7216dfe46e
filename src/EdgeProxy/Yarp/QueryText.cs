namespace EdgeProxy.Yarp;

/// <summary>
/// Changes one parameter of a query and leaves the others as they are: their order, case and coding, and whether they have a value, are
/// the destination's business. Names are compared decoded and with case.
/// </summary>
internal static class QueryText
{
    /// <param name="query">Empty, or with its question mark.</param>
    /// <param name="name">Decoded.</param>
    /// <param name="pair">Name and value as they are sent: they take the first place of that name, or come last.</param>
    public static string Set(string query, string name, string pair) => Replace(query, name, pair) is var (changed, wasThere)
        && wasThere ? changed : Append(query, pair);

    /// <summary>The query with <paramref name="pair"/> behind it.</summary>
    public static string Append(string query, string pair) => query.Length <= 1 ? "?" + pair : $"{query}&{pair}";

    /// <summary>The query without any parameter of that name.</summary>
    public static string Remove(string query, string name) => Replace(query, name, pair: null) is var (changed, wasThere)
        && wasThere ? changed : query;

    private static (string Query, bool WasThere) Replace(string query, string name, string? pair)
    {
        if (query.Length <= 1)
        {
            return (query, false);
        }

        var parts = new List<string>();
        var wasThere = false;
        foreach (var part in query[1..].Split('&'))
        {
            if (!IsNamed(part, name))
            {
                parts.Add(part);
                continue;
            }

            if (!wasThere && pair is not null)
            {
                parts.Add(pair);
            }

            wasThere = true;
        }

        return (parts.Count == 0 ? "" : "?" + string.Join('&', parts), wasThere);
    }

    private static bool IsNamed(ReadOnlySpan<char> part, string name)
    {
        var key = part.IndexOf('=') is var end and >= 0 ? part[..end] : part;
        return key.IndexOfAny('%', '+') < 0
            ? key.SequenceEqual(name)
            : Uri.UnescapeDataString(key.ToString().Replace('+', ' ')).Equals(name, StringComparison.Ordinal);
    }
}
