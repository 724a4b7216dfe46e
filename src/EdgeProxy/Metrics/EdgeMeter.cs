using System.Diagnostics.Metrics;

namespace EdgeProxy.Metrics;

/// <summary>What all instruments of the edge have in common. Instruments are named as Prometheus shows them.</summary>
internal static class EdgeMeter
{
    public const string Name = "EdgeProxy";

    /// <summary>Value of the label `route` for requests that matched no route.</summary>
    public const string NoRoute = "(none)";

    /// <summary>Buckets for what clients and upstreams wait for, in seconds: 1 ms to a minute.</summary>
    public static readonly InstrumentAdvice<double> Durations = new()
    {
        HistogramBucketBoundaries = [.001, .0025, .005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 30, 60],
    };

    /// <summary>Buckets for what the edge itself does, in seconds: 50 µs to a second.</summary>
    public static readonly InstrumentAdvice<double> ShortDurations = new()
    {
        HistogramBucketBoundaries = [.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1],
    };

    public static Meter CreateEdgeMeter(this IMeterFactory meters) => meters.Create(Name);
}
