using Microsoft.AspNetCore.Connections;

namespace EdgeProxy;

/// <summary>How many connections a server has open at most.</summary>
internal interface IConnectionBound
{
    /// <summary>A connection was accepted; the next one is accepted after this has completed.</summary>
    /// <returns>False: as many as may be are open, and it is to be closed at once.</returns>
    ValueTask<bool> EnterAsync(ConnectionContext connection);

    /// <summary>The socket of a connection that had entered is closed.</summary>
    void Leave(ConnectionContext connection);
}
