using System.Collections.Frozen;
using System.Text;

namespace EdgeProxy.Configuration;

/// <summary>What must hold in a `Fallback` beyond types and ranges.</summary>
internal static class FallbackChecks
{
    private static readonly FrozenSet<string> Credentials = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase, "Authorization", "Proxy-Authorization", "Cookie", "Range");

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

            CheckStale(fallback.Object("Stale"), faults);
            CheckStatic(fallback.Object("Static"), faults);
        }
    }

    /// <summary>To ignore a credential would give one client's answer to another.</summary>
    private static void CheckStale(Section stale, FaultList faults)
    {
        if (stale.Find("Ignore") is ListNode ignored)
        {
            foreach (var name in ignored.Items.OfType<ScalarNode>().Where(name => Credentials.Contains(name.Text)))
            {
                faults.Error(
                    FaultCodes.InvalidValue, name, $"{name.Shown} tells one client from another, or asks for a part: it cannot be ignored");
            }
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
