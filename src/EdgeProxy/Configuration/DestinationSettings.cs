namespace EdgeProxy.Configuration;

/// <summary>What a destination is meant to do, by configuration or by the admin API.</summary>
internal enum DestinationMode
{
    /// <summary>Take requests.</summary>
    Up,

    /// <summary>Take requests of the sessions that are bound to it, and no others.</summary>
    Draining,

    /// <summary>Take nothing.</summary>
    Down,
}

/// <summary>What the edge does for a destination beyond YARP's own keys.</summary>
internal sealed record DestinationSettings
{
    public static DestinationSettings Default { get; } = new();

    /// <summary>As configured; Up unless written.</summary>
    public DestinationMode State { get; init; }

    /// <summary>Share of requests in proportion to the other destinations: 0 to 1000, default 1. 0: like Draining.</summary>
    public int Weight { get; init; } = 1;
}
