using System.Globalization;

namespace EdgeProxy.Fallbacks;

/// <summary>What `Cache-Control` says, as far as a kept answer goes (RFC 9111, 5.2). What cannot be read says no.</summary>
internal readonly record struct CacheControl
{
    /// <summary>A store for many may not keep the answer, or may not use it without asking.</summary>
    public bool Forbids { get; private init; }

    /// <summary>Once it is stale, it may not be used without asking.</summary>
    public bool EndsWhenStale { get; private init; }

    /// <summary>How long it is fresh; null: it does not say.</summary>
    public TimeSpan? FreshFor { get; private init; }

    public static CacheControl Of(string? text)
    {
        var (forbids, ends, shared, any) = (false, false, (TimeSpan?)null, (TimeSpan?)null);
        foreach (var part in text.AsSpan().Split(','))
        {
            var directive = text.AsSpan()[part].Trim();
            var equals = directive.IndexOf('=');
            var name = (equals < 0 ? directive : directive[..equals]).TrimEnd();
            var value = equals < 0 ? default : directive[(equals + 1)..].Trim();
            if (Is(name, "no-store") || Is(name, "private") || Is(name, "no-cache"))
            {
                forbids = true;
            }
            else if (Is(name, "must-revalidate") || Is(name, "proxy-revalidate"))
            {
                ends = true;
            }
            else if (Is(name, "s-maxage"))
            {
                (shared, ends) = (Shorter(shared, Seconds(value)), true);
            }
            else if (Is(name, "max-age"))
            {
                any = Shorter(any, Seconds(value));
            }
        }

        return new CacheControl { Forbids = forbids, EndsWhenStale = ends, FreshFor = shared ?? any };
    }

    private static bool Is(ReadOnlySpan<char> name, string directive) => name.Equals(directive, StringComparison.OrdinalIgnoreCase);

    private static TimeSpan Seconds(ReadOnlySpan<char> value) =>
        uint.TryParse(value.Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? TimeSpan.FromSeconds(seconds)
            : TimeSpan.Zero;

    private static TimeSpan Shorter(TimeSpan? one, TimeSpan other) => one < other ? one.Value : other;
}
