using System.Text;

namespace EdgeProxy.Configuration;

/// <summary>What must hold in a `Fallback` beyond types and ranges.</summary>
internal static class FallbackChecks
{
    public static void Check(Draft draft, FaultList faults)
    {
        foreach (var route in draft.Routes)
        {
            var fallback = route.Entry.Section.Object("Fallback");
            if (fallback.Node is not { } node)
            {
                continue;
            }

            if (node.Find("Stale") is null && node.Find("Cluster") is null && node.Find("Static") is null)
            {
                faults.Error(FaultCodes.MissingKey, node.Place, node.Path, "a Fallback needs Stale, Cluster or Static");
            }

            if (fallback.Find("Cluster") is ScalarNode other
                && other.Text.Equals(route.Config.ClusterId, StringComparison.OrdinalIgnoreCase))
            {
                faults.Error(FaultCodes.InvalidValue, other, $"{other.Shown} is the route's own cluster");
            }

            CheckStatic(fallback.Object("Static"), faults);
        }
    }

    private static void CheckStatic(Section answer, FaultList faults)
    {
        if (answer.Find("Body") is not ScalarNode body)
        {
            return;
        }

        if (Encoding.UTF8.GetByteCount(body.Text) > FallbackSection.BodyBytesMax)
        {
            faults.Error(FaultCodes.OutOfRange, body, $"Body is longer than {FallbackSection.BodyBytesMax} bytes");
        }
        else if (answer.Number("Status") is 204 or 205 or 304 && body.Text.Length > 0)
        {
            faults.Error(FaultCodes.ConflictingKeys, body, $"an answer of status {answer.Number("Status")} has no body");
        }
    }
}
