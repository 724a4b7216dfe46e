using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>Draws destinations by chance, each as often as its weight says.</summary>
internal static class WeightedDraw
{
    /// <summary>Index of one of the destinations.</summary>
    public static int One(IReadOnlyList<DestinationState> destinations, bool isWeighted, Random random) =>
        isWeighted ? At(destinations, random.Next(WeightOf(destinations)), -1) : random.Next(destinations.Count);

    /// <summary>Index of another destination than <paramref name="first"/>, of at least two.</summary>
    public static int Other(IReadOnlyList<DestinationState> destinations, int first, bool isWeighted, Random random)
    {
        if (isWeighted)
        {
            var others = WeightOf(destinations) - DestinationRuntime.Of(destinations[first]).Weight;
            return At(destinations, random.Next(others), first);
        }

        var index = random.Next(destinations.Count - 1);
        return index < first ? index : index + 1;
    }

    /// <summary>Sum of weights.</summary>
    public static int WeightOf(IReadOnlyList<DestinationState> destinations)
    {
        var sum = 0;
        for (var i = 0; i < destinations.Count; i++)
        {
            sum += DestinationRuntime.Of(destinations[i]).Weight;
        }

        return sum;
    }

    /// <summary>Index of the destination whose weight a point falls on, weights laid end to end without the skipped one's.</summary>
    public static int At(IReadOnlyList<DestinationState> destinations, int point, int skipped)
    {
        var last = 0;
        for (var i = 0; i < destinations.Count; i++)
        {
            if (i == skipped)
            {
                continue;
            }

            last = i;
            point -= DestinationRuntime.Of(destinations[i]).Weight;
            if (point < 0)
            {
                return i;
            }
        }

        return last; // a weight has changed meanwhile
    }
}
