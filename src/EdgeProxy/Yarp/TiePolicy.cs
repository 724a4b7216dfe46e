using Microsoft.AspNetCore.Routing.Matching;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Yarp;

/// <summary>
/// Chooses where routing would give up with an exception: several routes take the same request equally well, such as
/// `{n:int}` beside `{n:long}`. The longer host decides, then the id, in the order of the alphabet.
/// </summary>
internal sealed class TiePolicy : MatcherPolicy, IEndpointSelectorPolicy
{
    /// <summary>Last: when all conditions have had their say.</summary>
    public override int Order => int.MaxValue;

    /// <summary>Only where a tie can come about; elsewhere requests pay nothing.</summary>
    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints)
    {
        var ranks = new HashSet<(int, decimal)>();
        return endpoints.OfType<RouteEndpoint>().Any(endpoint => !ranks.Add((endpoint.Order, endpoint.RoutePattern.InboundPrecedence)));
    }

    public Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        var best = -1;
        for (var i = 0; i < candidates.Count; i++)
        {
            if (!candidates.IsValidCandidate(i))
            {
                continue;
            }

            if (best < 0)
            {
                best = i;
            }
            else if (candidates[i].Score != candidates[best].Score)
            {
                break; // they come best first
            }
            else
            {
                var isBetter = Compare(candidates[i].Endpoint, candidates[best].Endpoint, httpContext.Request.Host.Host) < 0;
                candidates.SetValidity(isBetter ? best : i, false);
                best = isBetter ? i : best;
            }
        }

        return Task.CompletedTask;
    }

    private static int Compare(Endpoint one, Endpoint other, string host)
    {
        var length = LongestHost(other, host) - LongestHost(one, host);
        return length != 0 ? length : string.Compare(IdOf(one), IdOf(other), StringComparison.OrdinalIgnoreCase);
    }

    private static int LongestHost(Endpoint endpoint, string host)
    {
        var longest = 0;
        foreach (var key in HostKey.Of(endpoint))
        {
            if (host.EndsWith(key.Host, StringComparison.OrdinalIgnoreCase))
            {
                longest = Math.Max(longest, key.Host.Length);
            }
        }

        return longest;
    }

    private static string? IdOf(Endpoint endpoint) => endpoint.Metadata.GetMetadata<RouteModel>()?.Config.RouteId ?? endpoint.DisplayName;
}
