namespace EdgeProxy.Tests.RateLimiting;

/// <summary>A monotonic clock in microseconds that stands where the test puts it, backwards too.</summary>
internal sealed class ManualTime : TimeProvider
{
    public long Micros { get; set; } = 1_000_000_000;

    public override long TimestampFrequency => 1_000_000;

    public override long GetTimestamp() => Micros;
}
