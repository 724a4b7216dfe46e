using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using EdgeProxy.Configuration;
using EdgeProxy.Metrics;
using EdgeProxy.Shedding;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Caching.Memory;

namespace EdgeProxy.Fallbacks;

/// <summary>
/// Answers that are kept for the case that a later request fails: in memory, bounded, for routes with `Stale` alone. An answer is recorded
/// while it is copied to its client, from the same bytes; what turns out to be too large is let go.
/// </summary>
internal sealed class StaleCache : IDisposable
{
    /// <summary>A larger body is not kept.</summary>
    public const int BodyBytesMax = 1 << 20;

    /// <summary>All that is kept, where there is memory enough.</summary>
    public const long BytesMax = 64 << 20;

    /// <summary>Share of the memory that the process may use beyond which nothing is kept.</summary>
    private const double MemoryShare = 0.1;

    private static readonly long Kept = BoundFor(GC.GetGCMemoryInfo(GCKind.Any).TotalAvailableMemoryBytes);

    /// <summary>All that is being recorded.</summary>
    private static readonly long RecordingMax = Kept / 2;

    private readonly MemoryCache _kept;
    private readonly Overload _overload;
    private readonly TimeProvider _time;
    private long _recording;

    public StaleCache(IMeterFactory meters, Overload overload, TimeProvider time)
    {
        _overload = overload;
        _time = time;
        _kept = new MemoryCache(new MemoryCacheOptions { SizeLimit = Kept, TrackStatistics = true });
        overload.AddReserve(GiveWay);
        meters.CreateEdgeMeter().CreateObservableGauge(
            "edgeproxy_stale_bytes", () => _kept.GetCurrentStatistics()?.CurrentEstimatedSize ?? 0, "By",
            "Bytes of answers that are kept for routes with `Stale`.");
    }

    /// <summary>Bytes that may be kept in a process that may use <paramref name="memory"/>.</summary>
    public static long BoundFor(long memory) => memory <= 0 ? BytesMax : Math.Min(BytesMax, (long)(memory * MemoryShare));

    private TimeSpan Now => _time.GetElapsedTime(0);

    /// <summary>The answer to this request that was kept last; null when there is none that may be given.</summary>
    public StaleAnswer? Find(HttpContext client, StaleSettings settings)
    {
        var request = client.Request;
        return (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
            && FallbackAnswer.IsFor(client)
            && request.Headers is { IfMatch.Count: 0, IfUnmodifiedSince.Count: 0 } // only who has the resource can judge these
            && StaleRequest.IsCacheable(client)
            && KeyOf(client, settings) is var key
            && _kept.TryGetValue(key, out ImmutableArray<string> vary)
            && StaleRequest.IsAnybodys(client, settings, vary)
            && _kept.TryGetValue(VariantOf(key, vary, client), out StaleAnswer? answer)
            && answer!.MayServe(Now, settings.MaxAge)
                ? answer
                : null;
    }

    public HttpResponseMessage ToMessage(StaleAnswer answer, HttpContext client) =>
        answer.ToMessage(client.Request, Now, client.Edge().Revision.Edge.Name);

    /// <summary>Has the answer recorded on its way, if it may be kept.</summary>
    public void Record(HttpResponseMessage answer, HttpContext client, StaleSettings settings)
    {
        if (!HttpMethods.IsGet(client.Request.Method)
            || _overload.Memory.Level > 0 // which takes away what is kept
            || answer.Content.Headers.ContentLength > BodyBytesMax
            || !StaleRules.MayKeep(answer, out var vary)
            || !FallbackAnswer.IsFor(client)
            || !StaleRequest.IsCacheable(client)
            || !StaleRequest.IsAnybodys(client, settings, vary))
        {
            return;
        }

        var key = KeyOf(client, settings);
        var head = StaleAnswer.Of(answer, Now, client.Edge().Route!.CostHeader);
        var place = new StalePlace(key, vary, VariantOf(key, vary, client), settings.MaxAge);
        if (head.ETag is { } tag && !tag.StartsWith("W/", StringComparison.Ordinal)
            && _kept.TryGetValue(place.Variant, out StaleAnswer? before) && before!.ETag == tag
            && before.Body.Length == answer.Content.Headers.ContentLength)
        {
            Keep(place, head with { Body = before.Body }); // the same, as its tag says
            return;
        }

        answer.Content = new RecordedContent(answer, bytes => Keep(place, head with { Body = bytes }), TryReserve);
    }

    public void Dispose() => _kept.Dispose();

    /// <summary>Half of it at the first level of memory, all of it above.</summary>
    private void GiveWay(int level) => _kept.Compact(level > 1 ? 1 : 0.5);

    /// <summary>Takes room for what is being recorded, or gives it back.</summary>
    private bool TryReserve(int bytes)
    {
        if (Interlocked.Add(ref _recording, bytes) <= RecordingMax || bytes < 0)
        {
            return true;
        }

        Interlocked.Add(ref _recording, -bytes);
        return false;
    }

    private void Keep(StalePlace place, StaleAnswer answer)
    {
        Set(place.Key, place.Vary, place.For, 256 + (2 * place.Key.Length));
        Set(place.Variant, answer, place.For, answer.Size + (2 * place.Variant.Length));
    }

    private void Set(string key, object value, TimeSpan most, long size)
    {
        using var entry = _kept.CreateEntry(key);
        entry.Value = value;
        entry.Size = size;
        entry.AbsoluteExpirationRelativeToNow = most;
    }

    /// <summary>Whom and what a kept answer is for, whatever the answer says that it depends on.</summary>
    private static string KeyOf(HttpContext client, StaleSettings settings)
    {
        var edge = client.Edge();
        var fields = client.Request.Headers;
        var target = client.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var host = client.Request.Host.Value?.ToLowerInvariant();
        var key = $"{edge.Route!.RouteId}\n{edge.Route.ClusterId}\n{edge.KnownClient?.Id}\n{client.Request.Scheme}\n{host}\n{target}"
            + string.Concat(StaleRequest.Origin.Select(name => $"\n{fields[name]}"));
        return settings.Vary.IsEmpty ? key : VariantOf(key, settings.Vary, client);
    }

    /// <summary>With the names: the next answer may differ by other fields, and a value under one says nothing about another.</summary>
    private static string VariantOf(string key, ImmutableArray<string> vary, HttpContext client) =>
        key + "\n" + string.Join('\n', vary.Select(name => $"{name}:{client.Request.Headers[name]}"));

    /// <summary>Where an answer is kept, and for how long.</summary>
    private sealed record StalePlace(string Key, ImmutableArray<string> Vary, string Variant, TimeSpan For);
}
