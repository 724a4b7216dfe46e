namespace EdgeProxy.Configuration;

/// <summary>
/// The active revision. A change is offered to YARP first; it becomes <see cref="Current"/> when YARP routes by it, so
/// that the edge's own settings and YARP's never come from different files for longer than that swap.
/// </summary>
internal sealed class Revisions(Revision first)
{
    private volatile Revision _current = first;
    private volatile Revision _offered = first;

    /// <summary>What requests that begin now are served by.</summary>
    public Revision Current => _current;

    /// <summary>What YARP has been given last: <see cref="Current"/>, or what is about to become it.</summary>
    public Revision Offered => _offered;

    public void Offer(Revision revision) => _offered = revision;

    public void Activate() => _current = _offered;
}
