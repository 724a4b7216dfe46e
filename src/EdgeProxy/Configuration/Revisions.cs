namespace EdgeProxy.Configuration;

/// <summary>
/// The active revision. A change is offered to YARP first and becomes <see cref="Current"/> when YARP routes by it. A request
/// that matches a route takes the revision from the matched endpoint, so that its route, its policies and its clients come
/// from the same files even in the moment between YARP's swap and ours.
/// </summary>
internal sealed class Revisions(Revision first)
{
    private volatile Revision _current = first;
    private volatile Revision _offered = first;

    /// <summary>What the process started with: holds the values that apply at start only.</summary>
    public Revision First { get; } = first;

    /// <summary>What requests that begin now are served by.</summary>
    public Revision Current => _current;

    /// <summary>What YARP has been given last: <see cref="Current"/>, or what is about to become it.</summary>
    public Revision Offered => _offered;

    public void Offer(Revision revision) => _offered = revision;

    public void Activate() => _current = _offered;
}
