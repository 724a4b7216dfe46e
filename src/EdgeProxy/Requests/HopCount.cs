using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Requests;

/// <summary>
/// `X-Edge-Hops`: how many edges a request has come through. A route that leads back to the edge, over however many hops, ends by it.
/// Anybody may write it: a number that is too high is the writer's own harm, and one that is too low has the edges behind count on.
/// </summary>
internal static class HopCount
{
    /// <summary>The highest number in the field; 0 without one.</summary>
    public static int Of(StringValues field)
    {
        var hops = 0;
        foreach (var line in field)
        {
            foreach (var range in line.AsSpan().Split(','))
            {
                var text = line.AsSpan()[range].Trim();
                if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                {
                    hops = Math.Max(hops, number);
                }
            }
        }

        return hops;
    }
}
