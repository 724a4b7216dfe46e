using System.IO.Compression;
using System.IO.Pipelines;
using Microsoft.Net.Http.Headers;

namespace EdgeProxy.Metrics;

/// <summary>`GET /metrics`: the Prometheus text format, or OpenMetrics when Accept prefers it; gzip when it is taken.</summary>
internal static class MetricsAdmin
{
    public static IEndpointConventionBuilder MapMetrics(this IEndpointRouteBuilder admin, IServiceProvider edge)
    {
        var collector = edge.GetRequiredService<MetricCollector>();
        // Typed as a Delegate: the description of the admin listener leaves out what is mounted as a RequestDelegate.
        Delegate scrape = (HttpContext context) => WriteAsync(context, collector);
        return admin.MapGet("/metrics", scrape)
            .WithSummary("All metrics, as Prometheus text 0.0.4 or OpenMetrics 1.0.");
    }

    /// <summary>True when <paramref name="accept"/> ranks OpenMetrics above the text format.</summary>
    public static bool PrefersOpenMetrics(IList<string> accept) =>
        MediaTypeHeaderValue.TryParseList(accept, out var types)
        && Quality(types, "application/openmetrics-text") is { } open && open > 0
        && open >= (Quality(types, "text/plain") ?? 0);

    /// <summary>True when <paramref name="accept"/> names gzip, and not with a quality of 0.</summary>
    public static bool TakesGzip(IList<string> accept) =>
        StringWithQualityHeaderValue.TryParseList(accept, out var codings)
        && codings.Any(coding => coding.Value.Equals("gzip", StringComparison.OrdinalIgnoreCase) && coding.Quality is not 0);

    private static double? Quality(IEnumerable<MediaTypeHeaderValue> types, string type) => types
        .Where(candidate => candidate.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase))
        .Max(candidate => (double?)(candidate.Quality ?? 1));

    private static async Task WriteAsync(HttpContext context, MetricCollector collector)
    {
        var (request, response) = (context.Request, context.Response);
        var openMetrics = PrefersOpenMetrics(request.Headers.Accept!);
        response.ContentType = openMetrics ? PrometheusText.OpenMetricsType : PrometheusText.TextType;
        response.Headers.CacheControl = "no-store";
        var metrics = collector.Collect();
        if (!TakesGzip(request.Headers.AcceptEncoding!))
        {
            await PrometheusText.WriteAsync(metrics, response.BodyWriter, openMetrics, context.RequestAborted);
            return;
        }

        response.Headers.ContentEncoding = "gzip";
        await using var gzip = new GZipStream(response.Body, CompressionLevel.Fastest, leaveOpen: true);
        var writer = PipeWriter.Create(gzip);
        await PrometheusText.WriteAsync(metrics, writer, openMetrics, context.RequestAborted);
        await writer.CompleteAsync();
    }
}
