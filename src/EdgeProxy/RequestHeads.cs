namespace EdgeProxy;

/// <summary>Whether what an HTTP/1.1 connection brings next is surely the beginning of a request. A feature of the connection.</summary>
internal sealed class RequestHeads
{
    private volatile bool _areOver;

    public bool AreOver => _areOver;

    /// <summary>A body may come, or another protocol.</summary>
    public void End() => _areOver = true;
}
