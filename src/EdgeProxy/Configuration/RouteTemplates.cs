using EdgeProxy.Yarp;
using Microsoft.AspNetCore.Routing.Constraints;
using Microsoft.AspNetCore.Routing.Patterns;

namespace EdgeProxy.Configuration;

/// <summary>Route templates as routing parses them, with the constraints that it knows: each is made once, whoever names it.</summary>
internal sealed class RouteTemplates
{
    /// <summary>The platform cannot rank templates with more segments.</summary>
    private const int SegmentsMax = 28;

    private static readonly ParameterPolicyFactory Policies = CreatePolicies();

    private readonly Dictionary<string, IParameterPolicy> _known = new(StringComparer.Ordinal);

    /// <summary>What is wrong with a template; null when nothing is.</summary>
    public string? FaultOf(string text, out RoutePattern? pattern)
    {
        pattern = null;
        try
        {
            var parsed = RoutePatternFactory.Parse(text);
            if (parsed.PathSegments.Count > SegmentsMax)
            {
                return $"it has more than {SegmentsMax} segments";
            }

            foreach (var reference in parsed.ParameterPolicies.SelectMany(policies => policies.Value))
            {
                PolicyOf(reference);
            }

            pattern = parsed;
            return null;
        }
        catch (RoutePatternException exception)
        {
            return OneLine(exception.Message);
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException or RouteCreationException)
        {
            // What the platform would say at the first request, for every route.
            return OneLine(exception.InnerException?.Message ?? exception.Message);
        }
    }

    /// <summary>Whether a client can choose values that a constraint of this template takes long to decide on.</summary>
    public bool Backtracks(RoutePattern pattern) => pattern.ParameterPolicies
        .SelectMany(policies => policies.Value)
        .Any(policy => PolicyOf(policy) is RegexConstraint { Backtracks: true });

    /// <summary>Whether routing would look for a parameter's template below a literal segment of another one.</summary>
    public bool MayBe(RoutePatternParameterPart parameter, string literal) => parameter.ParameterPolicies.All(policy =>
        PolicyOf(policy) is not Microsoft.AspNetCore.Routing.Matching.IParameterLiteralNodeMatchingPolicy constraint
        || constraint.MatchesLiteral(parameter.Name, literal));

    private IParameterPolicy? PolicyOf(RoutePatternParameterPolicyReference reference)
    {
        if (reference.Content is not { } content)
        {
            return reference.ParameterPolicy;
        }

        if (!_known.TryGetValue(content, out var policy))
        {
            // Of no parameter: one that is optional would have it wrapped.
            _known[content] = policy = Policies.Create(null, reference);
            if (policy is RegexRouteConstraint regex)
            {
                _ = regex.Constraint; // parsed at first use, which would be the first request
            }
        }

        return policy;
    }

    private static ParameterPolicyFactory CreatePolicies()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddEdgeRouting();
        return services.BuildServiceProvider().GetRequiredService<ParameterPolicyFactory>();
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").TrimEnd('.');
}
