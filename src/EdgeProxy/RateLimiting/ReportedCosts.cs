using System.Collections.Concurrent;
using EdgeProxy.Configuration;

namespace EdgeProxy.RateLimiting;

/// <summary>The highest cost that each route with a `CostHeader` reported in the last minute, in microtokens.</summary>
internal sealed class ReportedCosts(Revisions revisions, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, RecentMaximum> _routes = new(StringComparer.OrdinalIgnoreCase);
    private readonly long _startedAt = time.GetTimestamp();

    public void Note(string route, long cost)
    {
        if (!_routes.TryGetValue(route, out var costs))
        {
            ForgetRemovedRoutes();
            costs = _routes.GetOrAdd(route, static _ => new RecentMaximum());
        }

        costs.Note(cost, time.GetElapsedTime(_startedAt));
    }

    /// <summary>0 when the route reported nothing in the last minute.</summary>
    public long HighestOf(string route) =>
        _routes.TryGetValue(route, out var costs) ? costs.Read(time.GetElapsedTime(_startedAt)) : 0;

    private void ForgetRemovedRoutes()
    {
        var current = revisions.Current.Routes;
        foreach (var route in _routes.Keys)
        {
            if (!current.ContainsKey(route))
            {
                _routes.TryRemove(route, out _);
            }
        }
    }
}
