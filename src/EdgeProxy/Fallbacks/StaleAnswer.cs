using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace EdgeProxy.Fallbacks;

/// <summary>An answer that was kept.</summary>
internal sealed record StaleAnswer
{
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>When it came, since any fixed moment.</summary>
    public required TimeSpan At { get; init; }

    /// <summary>How old it was by then, by its own word.</summary>
    public TimeSpan AgeThen { get; init; }

    public CacheControl Control { get; init; }

    public string? ETag { get; init; }

    public DateTimeOffset? LastModified { get; init; }

    public required IReadOnlyList<KeyValuePair<string, string[]>> Fields { get; init; }

    public required IReadOnlyList<KeyValuePair<string, string[]>> ContentFields { get; init; }

    /// <summary>Bytes that it takes up, roughly.</summary>
    public long Size => 512 + Body.Length + Fields.Concat(ContentFields).Sum(
        one => 64 + (2 * one.Key.Length) + one.Value.Sum(value => 24 + (2 * value.Length)));

    /// <summary>Of an answer whose body is yet to come.</summary>
    public static StaleAnswer Of(HttpResponseMessage answer, TimeSpan now, string? without)
    {
        var fields = answer.Headers.NonValidated;
        return new StaleAnswer
        {
            Body = default,
            At = now,
            AgeThen = fields.TryGetValues("Age", out var age)
                && uint.TryParse(age.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
                    ? TimeSpan.FromSeconds(seconds)
                    : TimeSpan.Zero,
            Control = fields.TryGetValues("Cache-Control", out var control) ? CacheControl.Of(control.ToString()) : default,
            ETag = fields.TryGetValues("ETag", out var tag) && tag.Count == 1 ? tag.ToString() : null,
            LastModified = answer.Content.Headers.LastModified,
            Fields = [.. Kept(fields, without)],
            ContentFields = [.. Kept(answer.Content.Headers.NonValidated, without)],
        };
    }

    public TimeSpan Age(TimeSpan now) => AgeThen + (now - At);

    /// <summary>No older than <paramref name="most"/> since it came, and its origin does not forbid its use when stale.</summary>
    public bool MayServe(TimeSpan now, TimeSpan most) =>
        now - At <= most && !(Control.EndsWhenStale && Age(now) > (Control.FreshFor ?? TimeSpan.Zero));

    /// <summary>The answer to a request, 304 when the client has the same one.</summary>
    public HttpResponseMessage ToMessage(HttpRequest request, TimeSpan now, string edgeName)
    {
        var isKnown = IsKnown(request);
        var message = new HttpResponseMessage(isKnown ? HttpStatusCode.NotModified : HttpStatusCode.OK)
        {
            Content = new ReadOnlyMemoryContent(Body),
        };
        foreach (var (name, values) in Fields)
        {
            message.Headers.TryAddWithoutValidation(name, values);
        }

        foreach (var (name, values) in ContentFields)
        {
            if (!isKnown || !name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase))
            {
                message.Content.Headers.TryAddWithoutValidation(name, values);
            }
        }

        var age = (long)Age(now).TotalSeconds;
        var left = (long)Math.Floor(((Control.FreshFor ?? TimeSpan.Zero) - Age(now)).TotalSeconds); // below 0 as soon as it is stale
        message.Headers.TryAddWithoutValidation("Age", age.ToString(CultureInfo.InvariantCulture));
        message.Headers.TryAddWithoutValidation(
            "Cache-Status", string.Create(CultureInfo.InvariantCulture, $"{edgeName}; hit; ttl={left}"));
        return message;
    }

    private static IEnumerable<KeyValuePair<string, string[]>> Kept(HttpHeadersNonValidated fields, string? without)
    {
        foreach (var (name, values) in fields)
        {
            if (StaleRules.IsKept(name) && !name.Equals(without, StringComparison.OrdinalIgnoreCase))
            {
                yield return new(name, [.. values]);
            }
        }
    }

    /// <summary>RFC 9110, 13.2.2: the client's tags decide; without any, its date.</summary>
    private bool IsKnown(HttpRequest request)
    {
        var tags = request.Headers.IfNoneMatch;
        if (tags.Count > 0)
        {
            return tags.SelectMany(line => line!.Split(',', StringSplitOptions.TrimEntries))
                .Any(tag => tag == "*" || (ETag is not null && Opaque(tag) == Opaque(ETag)));
        }

        return LastModified is { } changed
            && request.Headers.IfModifiedSince is [{ } since]
            && DateTimeOffset.TryParseExact(since, "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date)
            && changed <= date;
    }

    private static string Opaque(string tag) => tag.StartsWith("W/", StringComparison.Ordinal) ? tag[2..] : tag;
}
