using EdgeProxy.Errors;

namespace EdgeProxy.Metrics;

/// <summary>What requests and their answers are called, in metrics and in the access log alike.</summary>
internal static class RequestLabels
{
    public const string Edge = "edge";
    public const string Upstream = "upstream";

    /// <summary>A closed set: the methods of RFC 9110 and PATCH, and one word for the rest.</summary>
    public static string Method(string method) => method switch
    {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        "CONNECT" => "CONNECT",
        "TRACE" => "TRACE",
        _ => "_OTHER",
    };

    /// <summary>Status of the answer; 499 when the client was gone before its end, whatever the answer had begun with.</summary>
    public static int Status(HttpContext context, EdgeContext edge) =>
        ClientIsGone(edge) ? EdgeErrors.ClientDisconnected.Status : context.Response.StatusCode;

    /// <summary>Who made that status. An upstream may answer 499, too: the number does not tell.</summary>
    public static string MadeBy(EdgeContext edge) => edge.AnsweredByEdge || ClientIsGone(edge) ? Edge : Upstream;

    private static bool ClientIsGone(EdgeContext edge) => edge.Failure?.Error.MeansClientIsGone is true;
}
