using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using EdgeProxy.Configuration;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Metrics;

/// <summary>What clients got, how long it took them, and how much of that was the edge's own doing.</summary>
internal sealed class RequestMetrics
{
    private static readonly string[] Codes = [.. Enumerable.Range(0, 1000).Select(code => code.ToString("D3", null))];

    private readonly ConcurrentDictionary<string, StripedSum> _inFlight = new(StringComparer.Ordinal);
    private readonly Revisions _revisions;
    private readonly TimeProvider _time;
    private readonly Counter<long> _requests;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _overhead;
    private readonly Histogram<double> _client;

    public RequestMetrics(IMeterFactory meters, Revisions revisions, TimeProvider time)
    {
        _revisions = revisions;
        _time = time;
        var meter = meters.CreateEdgeMeter();
        _requests = meter.CreateCounter<long>(
            "edgeproxy_requests_total", description: "Requests by the answer that the client got.");
        _duration = meter.CreateHistogram(
            "edgeproxy_request_duration_seconds", "s", "From a request's head to the end of its answer.", advice: EdgeMeter.Durations);
        _overhead = meter.CreateHistogram(
            "edgeproxy_overhead_seconds", "s",
            "The part of a request that was spent neither on upstreams nor in queues, nor waiting for the client.",
            advice: EdgeMeter.ShortDurations);
        _client = meter.CreateHistogram(
            "edgeproxy_client_wait_seconds", "s",
            "How long a request waited for its client to send the body, or to take the answer. Requests that did not wait are not in it.",
            advice: EdgeMeter.Durations);
        meter.CreateObservableUpDownCounter(
            "edgeproxy_requests_in_flight", ObserveInFlight, description: "Requests, streams and WebSockets under way.");
    }

    /// <summary>Requests, streams and WebSockets under way over all routes, as good as can be told while they come and go.</summary>
    public long TotalInFlight
    {
        get
        {
            var total = 0L;
            foreach (var (_, sum) in _inFlight)
            {
                total += sum.Value;
            }

            return total;
        }
    }

    /// <summary>Counts a request of <paramref name="route"/> as under way. Who steps up steps the same sum down at the end.</summary>
    public StripedSum InFlight(string route) => _inFlight.GetOrAdd(route, static _ => new StripedSum());

    /// <summary>Records a request that has ended.</summary>
    public void Record(HttpContext context, EdgeContext edge)
    {
        var route = new KeyValuePair<string, object?>("route", edge.Route?.RouteId ?? EdgeMeter.NoRoute);
        Add(1, route, RequestLabels.Method(context.Request.Method), RequestLabels.Status(context, edge), RequestLabels.MadeBy(edge));
        if (IsOpenEnded(context))
        {
            return;
        }

        var total = _time.GetTimestamp() - edge.StartedAt;
        MeasuredRequest.Current = edge;
        _duration.Record(Seconds(total), route);
        _overhead.Record(Seconds(Math.Max(0, total - edge.UpstreamTicks - edge.QueuedTicks - edge.ClientTicks)), route);
        if (edge.ClientTicks > 0)
        {
            _client.Record(Seconds(edge.ClientTicks), route);
        }

        MeasuredRequest.Current = null;
    }

    /// <summary>Its series is there, at 0 if nothing was counted in it yet.</summary>
    public void Show(string route, string method, int code, string madeBy) => Add(0, new("route", route), method, code, madeBy);

    private void Add(int count, KeyValuePair<string, object?> route, string method, int code, string madeBy) =>
        _requests.Add(count, new TagList
        {
            route,
            new("method", method),
            new("code", (uint)code < Codes.Length ? Codes[code] : SeriesTable<Series>.Other),
            new("made_by", madeBy),
        });

    /// <summary>WebSockets and server-sent events last as long as people look at them: that is no measure of the edge.</summary>
    private static bool IsOpenEnded(HttpContext context) =>
        context.Response.StatusCode == StatusCodes.Status101SwitchingProtocols
        || context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true }
        || (context.Response.ContentType?.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase) ?? false);

    private double Seconds(long ticks) => (double)ticks / _time.TimestampFrequency;

    private IEnumerable<Measurement<long>> ObserveInFlight()
    {
        var routes = _revisions.Current.Routes;
        InFlight(EdgeMeter.NoRoute);
        foreach (var route in routes.Keys)
        {
            InFlight(route);
        }

        foreach (var (route, sum) in _inFlight)
        {
            var value = sum.Value;
            if (value == 0 && route != EdgeMeter.NoRoute && !routes.ContainsKey(route))
            {
                // A request that still holds this sum steps it up and down again unseen; none can be left below zero.
                _inFlight.TryRemove(route, out _);
                continue;
            }

            yield return new Measurement<long>(value, new KeyValuePair<string, object?>("route", route));
        }
    }
}
