using System.IO.Pipelines;
using System.Text;
using EdgeProxy.Metrics;
using Xunit;

namespace EdgeProxy.Tests.Metrics;

/// <summary>The text, byte for byte.</summary>
public sealed class PrometheusTextTests
{
    private readonly SeriesLimit _limit = new();

    [Fact]
    public async Task The_text_format_is_as_written_here()
    {
        Assert.Equal("""
            # HELP edge_requests_total Requests \\ by "code".
            # TYPE edge_requests_total counter
            edge_requests_total{code="200"} 3
            edge_requests_total{code="404"} 0
            # HELP edge_seconds Time.
            # TYPE edge_seconds histogram
            edge_seconds_bucket{route="a",le="0.5"} 1
            edge_seconds_bucket{route="a",le="1"} 2
            edge_seconds_bucket{route="a",le="+Inf"} 3
            edge_seconds_sum{route="a"} 3.75
            edge_seconds_count{route="a"} 3
            # HELP edge_up Whether.
            # TYPE edge_up gauge
            edge_up 1

            """, await TextAsync(openMetrics: false));
    }

    [Fact]
    public async Task OpenMetrics_is_as_written_here()
    {
        Assert.Equal("""
            # HELP edge_requests Requests \\ by \"code\".
            # TYPE edge_requests counter
            edge_requests_total{code="200"} 3
            edge_requests_total{code="404"} 0
            # HELP edge_seconds Time.
            # TYPE edge_seconds histogram
            edge_seconds_bucket{route="a",le="0.5"} 1
            edge_seconds_bucket{route="a",le="1.0"} 2
            edge_seconds_bucket{route="a",le="+Inf"} 3 # {trace_id="0af7651916cd43dd8448eb211c80319c"} 2.5 1000
            edge_seconds_sum{route="a"} 3.75
            edge_seconds_count{route="a"} 3
            # HELP edge_up Whether.
            # TYPE edge_up gauge
            edge_up 1
            # EOF

            """, await TextAsync(openMetrics: true));
    }

    [Theory]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.PositiveInfinity, "+Inf")]
    [InlineData(double.NegativeInfinity, "-Inf")]
    [InlineData(1e21, "1E+21")]
    [InlineData(9007199254740991, "9007199254740991")]
    public async Task Numbers_are_written_as_Prometheus_reads_them(double value, string text)
    {
        var gauge = new ObservedMetric("g", "G.", MetricKind.Gauge, _limit);
        gauge.Add(value, []);

        Assert.EndsWith($"\ng {text}\n", await WriteAsync([gauge], openMetrics: false), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("*/*", false)]
    [InlineData("text/plain", false)]
    [InlineData("application/openmetrics-text", true)]
    [InlineData("application/openmetrics-text;q=0.4, text/plain;q=0.5", false)]
    [InlineData("application/openmetrics-text;q=0", false)]
    [InlineData("application/openmetrics-text;version=1.0.0,application/openmetrics-text;q=0.75,text/plain;q=0.5,*/*;q=0.1", true)]
    [InlineData("=garbage", false)]
    public void OpenMetrics_is_for_those_who_prefer_it(string accept, bool openMetrics) =>
        Assert.Equal(openMetrics, MetricsAdmin.PrefersOpenMetrics([accept]));

    [Theory]
    [InlineData("gzip", true)]
    [InlineData("deflate, GZIP;q=0.5", true)]
    [InlineData("gzip;q=0", false)]
    [InlineData("gzip;q=0.0, identity", false)]
    [InlineData("x-gzipped", false)]
    [InlineData("", false)]
    public void Gzip_is_for_those_who_take_it(string accept, bool isTaken) =>
        Assert.Equal(isTaken, MetricsAdmin.TakesGzip([accept]));

    private async Task<string> TextAsync(bool openMetrics)
    {
        var requests = new SumMetric("edge_requests_total", "Requests \\ by \"code\".", MetricKind.Counter, _limit);
        requests.Add(0L, [new("code", "404")]);
        requests.Add(3L, [new("code", "200")]);
        var seconds = new HistogramMetric("edge_seconds", "Time.", [0.5, 1], _limit, new StoppedClock());
        seconds.Add(0.75, [new("route", "a")]);
        MeasuredRequest.Current = Request("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        seconds.Add(2.5, [new("route", "a")]);
        MeasuredRequest.Current = Request("00-0af7651916cd43dd8448eb211c803199-b7ad6b7169203331-00");
        seconds.Add(0.5, [new("route", "a")]);
        MeasuredRequest.Current = null;
        var up = new ObservedMetric("edge_up", "Whether.", MetricKind.Gauge, _limit);
        up.Add(1L, []);
        var unused = new SumMetric("unused_total", "Never seen.", MetricKind.Counter, _limit);
        return await WriteAsync([requests, seconds, up, unused], openMetrics);
    }

    private static EdgeContext Request(string traceParent) => new(null!, "", 0) { ReceivedTraceParent = traceParent };

    private static async Task<string> WriteAsync(IReadOnlyList<Metric> metrics, bool openMetrics)
    {
        using var buffer = new MemoryStream();
        await PrometheusText.WriteAsync(metrics, PipeWriter.Create(buffer), openMetrics, CancellationToken.None);
        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private sealed class StoppedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeSeconds(1000);
    }
}
