using System.Collections.Concurrent;

namespace EdgeProxy.Resilience;

/// <summary>
/// When the HTTP/2 connections to one destination are pinged: on all of them alike, and less often once it has complained.
/// </summary>
internal sealed class PingPace(TimeSpan delay, TimeSpan timeout)
{
    /// <summary>
    /// Between pings that no response came in between. gRPC servers allow one in five minutes, and forgive two strikes; the
    /// connection that has used those up is pinged as seldom as one on which nothing is waited for.
    /// </summary>
    public static readonly TimeSpan Seldom = TimeSpan.FromMinutes(5) + TimeSpan.FromSeconds(10);

    /// <summary>Pings between two responses that come sooner than that: the first is allowed, and two are forgiven.</summary>
    public const int SoonMax = 3;

    private long _delayTicks = delay.Ticks;

    /// <summary>How long no frame has come when the first ping is sent.</summary>
    public TimeSpan Delay => TimeSpan.FromTicks(Volatile.Read(ref _delayTicks));

    /// <summary>How long a frame is waited for after a ping.</summary>
    public TimeSpan Timeout { get; } = timeout;

    /// <summary>The destination says that it is pinged too often.</summary>
    public void Slow() => Volatile.Write(ref _delayTicks, Math.Min(Seldom.Ticks, 2 * Volatile.Read(ref _delayTicks)));
}

/// <summary>The paces of a cluster's destinations, by authority.</summary>
internal sealed class PingPaces(TimeSpan delay, TimeSpan timeout)
{
    /// <summary>Addresses beyond share one pace: they come and go over reloads.</summary>
    private const int Most = 1024;

    private readonly ConcurrentDictionary<string, PingPace> _paces = new(StringComparer.OrdinalIgnoreCase);
    private readonly PingPace _others = new(delay, timeout);

    public PingPace Of(Uri? address) => address is null || (_paces.Count >= Most && !_paces.ContainsKey(address.Authority))
        ? _others
        : _paces.GetOrAdd(address.Authority, static (_, times) => new PingPace(times.delay, times.timeout), (delay, timeout));
}
