namespace EdgeProxy;

/// <summary>A request's body as it arrives from the client.</summary>
internal interface IReceivedBody
{
    /// <summary>
    /// How long the client has been waited for in all, while it is waited for; zero while it is not, and for streams that may be open
    /// for long.
    /// </summary>
    TimeSpan WaitedForClient { get; }

    /// <summary>Ends the upload as too slow, if its client is waited for: another request needs its place.</summary>
    void GiveWay();
}
