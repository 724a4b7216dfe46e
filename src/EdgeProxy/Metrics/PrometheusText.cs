using System.Buffers;
using System.Globalization;
using System.Text;

namespace EdgeProxy.Metrics;

/// <summary>
/// Writes metrics as Prometheus reads them: its text format 0.0.4, or OpenMetrics 1.0 with exemplars. The only file that knows
/// either format.
/// </summary>
internal static class PrometheusText
{
    public const string TextType = "text/plain; version=0.0.4; charset=utf-8";
    public const string OpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// <summary>Writes <paramref name="metrics"/> in their order, handing over about 64 KiB at a time.</summary>
    public static async Task WriteAsync(
        IReadOnlyList<Metric> metrics, System.IO.Pipelines.PipeWriter to, bool openMetrics, CancellationToken cancellation)
    {
        foreach (var metric in metrics)
        {
            var shape = new Shape(metric, openMetrics);
            var series = SeriesOf(metric);
            if (series.Count == 0)
            {
                continue;
            }

            to.Write(shape.Head);
            for (var i = 0; i < series.Count; i++)
            {
                shape.Write(to, series[i]);
                if (to.UnflushedBytes > 64 * 1024)
                {
                    await to.FlushAsync(cancellation);
                }
            }
        }

        if (openMetrics)
        {
            to.Write("# EOF\n"u8);
        }

        await to.FlushAsync(cancellation);
    }

    private static IReadOnlyList<Series> SeriesOf(Metric metric) => metric switch
    {
        SumMetric sum => sum.Series.Sorted,
        HistogramMetric histogram => histogram.Series.Sorted,
        ObservedMetric observed => observed.Series.Sorted,
        _ => [],
    };

    /// <summary>What is the same for all series of a metric, made once.</summary>
    private sealed class Shape
    {
        private readonly bool _openMetrics;
        private readonly byte[] _name;
        private readonly byte[][] _ends = [];
        private readonly long[] _buckets = [];

        public Shape(Metric metric, bool openMetrics)
        {
            _openMetrics = openMetrics;
            _name = Encoding.UTF8.GetBytes(metric.Name);
            if (metric is HistogramMetric histogram)
            {
                _ends = [.. histogram.Boundaries.Append(double.PositiveInfinity).Select(End)];
                _buckets = new long[_ends.Length];
            }

            // OpenMetrics names a counter without the suffix of its samples.
            var family = openMetrics && metric.Kind == MetricKind.Counter && metric.Name.EndsWith("_total", StringComparison.Ordinal)
                ? metric.Name[..^"_total".Length]
                : metric.Name;
            var help = metric.Help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
            help = openMetrics ? help.Replace("\"", "\\\"", StringComparison.Ordinal) : help;
            var kind = metric.Kind switch
            {
                MetricKind.Counter => "counter",
                MetricKind.Histogram => "histogram",
                _ => "gauge",
            };
            Head = Encoding.UTF8.GetBytes($"# HELP {family} {help}\n# TYPE {family} {kind}\n");
        }

        public byte[] Head { get; }

        public void Write(IBufferWriter<byte> to, Series series)
        {
            switch (series)
            {
                case SumSeries sum:
                    Sample(to, ""u8, series.Labels, [], sum.Value);
                    break;
                case ValueSeries value:
                    Sample(to, ""u8, series.Labels, [], value.Value);
                    break;
                case HistogramSeries histogram:
                    Histogram(to, histogram);
                    break;
            }
        }

        private void Histogram(IBufferWriter<byte> to, HistogramSeries series)
        {
            var sum = series.Read(_buckets);
            long count = 0;
            for (var i = 0; i < _buckets.Length; i++)
            {
                count += _buckets[i];
                Sample(to, "_bucket"u8, series.Labels, _ends[i], count, _openMetrics ? series.ExemplarOf(i) : null);
            }

            Sample(to, "_sum"u8, series.Labels, [], sum);
            Sample(to, "_count"u8, series.Labels, [], count);
        }

        private void Sample(
            IBufferWriter<byte> to, ReadOnlySpan<byte> suffix, byte[] labels, byte[] end, double value, Exemplar? exemplar = null)
        {
            to.Write(_name);
            to.Write(suffix);
            if (labels.Length + end.Length > 0)
            {
                to.Write("{"u8);
                to.Write(labels);
                to.Write(labels.Length > 0 && end.Length > 0 ? ","u8 : ""u8);
                to.Write(end);
                to.Write("}"u8);
            }

            to.Write(" "u8);
            Number(to, value);
            if (exemplar is not null)
            {
                to.Write(Encoding.UTF8.GetBytes($" # {{trace_id=\"{exemplar.TraceId}\"}} "));
                Number(to, exemplar.Value);
                to.Write(" "u8);
                Number(to, exemplar.At.ToUnixTimeMilliseconds() / 1000.0);
            }

            to.Write("\n"u8);
        }

        private byte[] End(double boundary)
        {
            var text = double.IsPositiveInfinity(boundary)
                ? "+Inf"
                : boundary.ToString("0.0################", CultureInfo.InvariantCulture);
            // OpenMetrics wants 1.0 where the text format has always written 1.
            text = !_openMetrics && text.EndsWith(".0", StringComparison.Ordinal) ? text[..^2] : text;
            return Encoding.UTF8.GetBytes($"le=\"{text}\"");
        }

        private static void Number(IBufferWriter<byte> to, double value)
        {
            if (!double.IsFinite(value))
            {
                to.Write(double.IsNaN(value) ? "NaN"u8 : value > 0 ? "+Inf"u8 : "-Inf"u8);
                return;
            }

            var span = to.GetSpan(32);
            value.TryFormat(span, out var written, provider: CultureInfo.InvariantCulture);
            to.Advance(written);
        }
    }
}
