using System.Net;

namespace EdgeProxy.Configuration;

/// <summary>
/// Where the content type of gRPC lifts the bound of a request body. Only clusters that name HTTP/2 are known to speak it before
/// a request; whether an https destination does is negotiated with each connection.
/// </summary>
internal static class GrpcChecks
{
    public static void Check(Draft draft, FaultList faults)
    {
        var http2 = draft.Clusters.Where(c => SpeaksHttp2(c.Entry.Section.Object("HttpRequest"), c))
            .Select(c => c.Entry.Id).ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var route in draft.Routes)
        {
            if (route.Config.MaxRequestBodySize is null && !route.Entry.Section.IsUnknown("MaxRequestBodySize")
                && route.Entry.Section.Find("ClusterId") is ScalarNode cluster
                && http2.Contains(cluster.Text))
            {
                faults.Warn(
                    FaultCodes.UnboundedUpload, route.Entry.Member.Place, route.Entry.Member.Value.Path,
                    "the cluster speaks HTTP/2, so a request body whose content type is gRPC has no bound on this route; "
                    + "set MaxRequestBodySize, -1 where streams are to have none");
            }
        }
    }

    private static bool SpeaksHttp2(Section request, ClusterDraft cluster) =>
        request.Find("Version") is not null && cluster.Config.HttpRequest?.Version == HttpVersion.Version20;
}
