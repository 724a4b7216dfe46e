using System.Net.Sockets;

namespace EdgeProxy.Upstreams;

/// <summary>An address refused or was silent while another one of the same name accepted: the request is better sent there.</summary>
internal sealed class AddressFailedException(SocketException cause)
    : IOException("Another address of the same name accepted a connection, and this one did not.", cause)
{
    public static bool IsIn(Exception exception) => exception is HttpRequestException { InnerException: AddressFailedException };
}
