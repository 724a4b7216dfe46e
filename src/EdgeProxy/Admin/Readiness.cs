namespace EdgeProxy.Admin;

/// <summary>Whether this node wants traffic, as `/readyz` tells load balancers.</summary>
internal sealed class Readiness
{
    private volatile string? _obstacle = "starting";

    /// <summary>Why no traffic should come, in one word for people; null when it may.</summary>
    public string? Obstacle => _obstacle;

    /// <summary>A revision is active and the traffic listeners are bound.</summary>
    public void MarkServing() => _obstacle = null;

    /// <summary>The process is about to end; what is under way finishes, nothing new should come. There is no way back.</summary>
    public void MarkDraining() => _obstacle = "draining";
}
