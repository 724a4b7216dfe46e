using System.Collections.Immutable;
using System.Text.Json.Nodes;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.RateLimiting;

/// <summary>Admin routes of the limits: which there are, what is in a bucket, and giving it back full.</summary>
internal static class RateLimitAdmin
{
    private const string Bucket = "/ratelimits/{policy}/buckets/{key}";

    public static void MapRateLimits(this RouteGroupBuilder v1, IServiceProvider edge)
    {
        var revisions = edge.GetRequiredService<Revisions>();
        var store = edge.GetRequiredService<IBucketStore>();
        var top = edge.GetRequiredService<TopClients>();
        v1.MapGet("/ratelimits", () => RateLimitView.AllOf(revisions.Current).Select(view => Show(view, revisions.Current)).ToList())
            .Produces<ImmutableArray<RateLimitView>>()
            .WithSummary("Rate limits in effect, with their defaults filled in, and the routes that name them.");
        v1.MapGet("/ratelimits/{policy}/top", (string policy) => revisions.Current.Policies.TryGetValue(policy, out var found)
                ? Results.Json(TopAnswer.Of(found, top))
                : Results.NotFound())
            .Produces<TopAnswer>()
            .WithSummary("Who asked most and who was refused most on this node in the last one to two minutes.");
        v1.MapGet(Bucket, (HttpContext context, string policy, string key) => AnswerAsync(
                context, Find(context, policy, key, revisions), store.LookAsync))
            .Produces<BucketAnswer>()
            .WithSummary("What is in the bucket of a key; nothing is spent.");
        v1.MapDelete(Bucket, (HttpContext context, string policy, string key) => AnswerAsync(
                context, Find(context, policy, key, revisions), store.FillAsync))
            .Produces<BucketAnswer>()
            .WithSummary("Gives the bucket of a key back full, on all nodes within a second, and says what is in it then.");
    }

    /// <summary>As written where variables are.</summary>
    private static JsonNode Show(RateLimitView view, Revision active) =>
        active.WrittenInPolicies.GetValueOrDefault(view.Name, WrittenValues.None).Show(view);

    private static async Task<IResult> AnswerAsync(
        HttpContext context, NamedBucket? bucket, Func<BucketName, LimitSet, ValueTask<BucketView?>> ask)
    {
        if (bucket is null)
        {
            return Results.NotFound();
        }

        if (bucket.Limits is null)
        {
            return Results.Json(BucketAnswer.Of(bucket, null));
        }

        if (await ask(bucket.Name, bucket.Limits) is { } view)
        {
            return Results.Json(BucketAnswer.Of(bucket, view));
        }

        context.Fail(EdgeErrors.RateLimiterUnavailable, retryAfterSeconds: 1);
        return Results.Empty;
    }

    private static NamedBucket? Find(HttpContext context, string policy, string key, Revisions revisions)
    {
        var revision = revisions.Current;
        return revision.Policies.TryGetValue(policy, out var found) ? BucketKey.Find(AsSent(context, key), found, revision) : null;
    }

    /// <summary>
    /// The server leaves `%2F` as it is and decodes `%252F` to the same: only the bytes that came say which of both a key has.
    /// </summary>
    private static string AsSent(HttpContext context, string key)
    {
        if (context.Features.Get<IHttpRequestFeature>()?.RawTarget is not { } target)
        {
            return key;
        }

        var end = target.IndexOf('?', StringComparison.Ordinal);
        var path = (end < 0 ? target : target[..end]).TrimEnd('/');
        return Uri.UnescapeDataString(path[(path.LastIndexOf('/') + 1)..]);
    }
}

/// <summary>Answer of `GET` and `DELETE /v1/ratelimits/{policy}/buckets/{key}`.</summary>
/// <param name="Key">The key with its word in front, such as `client:acme`.</param>
/// <param name="Unlimited">The key is held to nothing.</param>
/// <param name="LeasedBy">Nodes that hold tokens of the bucket.</param>
internal sealed record BucketAnswer(string Policy, string Key, bool Unlimited, int LeasedBy, ImmutableArray<LimitAnswer> Limits)
{
    public static BucketAnswer Of(NamedBucket bucket, BucketView? view)
    {
        var limits = ImmutableArray<LimitAnswer>.Empty;
        if (view is not null)
        {
            var set = bucket.Limits!;
            limits = [.. set.Limits.Select((limit, i) => LimitAnswer.Of(limit, set.Rates[i], view.Levels[i], view.Held))];
        }

        return new BucketAnswer(bucket.Name.Policy.Name, BucketKey.Of(bucket.Name), view is null, view?.Nodes ?? 0, limits);
    }
}

/// <summary>Answer of `GET /v1/ratelimits/{policy}/top`.</summary>
/// <param name="Busiest">Those who asked most, most first; keys held to nothing are not counted.</param>
/// <param name="Refused">Those who were refused most, most first; in shadow, those who would have been. Not for want of the store.</param>
internal sealed record TopAnswer(string Policy, IReadOnlyList<TopKey> Busiest, IReadOnlyList<TopKey> Refused)
{
    public static TopAnswer Of(RateLimitPolicy policy, TopClients top)
    {
        var (busiest, refused) = top.Of(policy);
        return new TopAnswer(policy.Name, busiest, refused);
    }
}

/// <param name="Level">Tokens left for all nodes; below zero after answers that cost more than was left.</param>
/// <param name="Outstanding">Tokens that nodes have leased and not reported spent.</param>
/// <param name="SecondsToFull">Until the level is the capacity if nothing is spent, leases being returned.</param>
internal sealed record LimitAnswer(string Name, long Capacity, decimal Level, decimal Outstanding, decimal SecondsToFull)
{
    public static LimitAnswer Of(Limit limit, Rate rate, long level, long held) => new(
        limit.Name,
        limit.Capacity,
        Tokens(level),
        Tokens(held),
        Math.Round(rate.TimeUntil(level, rate.Capacity) / 1_000_000m, 3, MidpointRounding.ToPositiveInfinity));

    private static decimal Tokens(long microtokens) => (decimal)microtokens / Rate.Token;
}
