using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Configuration;

/// <summary>
/// Asks YARP itself: its validator for routes and clusters, and its builder for transforms, of which some are only found
/// wrong when they are built. It has a word where our own checks found nothing.
/// </summary>
internal static class ProxyChecks
{
    // No server: the services that judge a configuration, once a process.
    private static readonly ServiceProvider Services = CreateServices();

    private static readonly IConfigValidator Validator = Services.GetRequiredService<IConfigValidator>();

    private static readonly ITransformBuilder Transforms = Services.GetRequiredService<ITransformBuilder>();

    public static void Check(Draft draft, FaultList faults)
    {
        var clusters = draft.Clusters.ToDictionary(c => c.Config.ClusterId, StringComparer.OrdinalIgnoreCase);
        foreach (var route in draft.Routes)
        {
            faults.GoOn();
            var cluster = route.Config.ClusterId is { } id && clusters.TryGetValue(id, out var found) ? found.Config : null;
            CheckTransforms(route, cluster, faults);
        }

        // YARP tells no place within an item: it is asked about items in which nothing else was found.
        if (faults.HasErrors)
        {
            return;
        }

        foreach (var route in draft.Routes)
        {
            faults.GoOn();
            if (HasUnknown(route.Entry.Section.Node!))
            {
                continue;
            }

            var plain = route.Config with { Transforms = null };
            Report(route.Entry, Wait(Validator.ValidateRouteAsync(plain)), faults);
        }

        foreach (var cluster in draft.Clusters)
        {
            faults.GoOn();
            if (!HasUnknown(cluster.Entry.Section.Node!))
            {
                Report(cluster.Entry, Wait(Validator.ValidateClusterAsync(Known(cluster.Config))), faults);
            }
        }
    }

    private static void CheckTransforms(RouteDraft route, ClusterConfig? cluster, FaultList faults)
    {
        foreach (var section in route.Entry.Section.Items("Transforms"))
        {
            var node = section.Node!;
            if (node.Members.Any(m => m.Value.IsFaulty || !section.Knows(m.Name)))
            {
                continue;
            }

            var one = route.Config with { Transforms = [TransformSection.Bind(section)] };
            var fault = Transforms.ValidateRoute(one) is [var first, ..] ? first : Build(one, cluster);
            if (fault is not null)
            {
                faults.Error(FaultCodes.InvalidTransform, node, Explain(fault, node));
            }
        }
    }

    private static Exception? Build(RouteConfig route, ClusterConfig? cluster)
    {
        try
        {
            Transforms.Build(route, cluster);
            return null;
        }
        catch (Exception exception)
        {
            // Whatever YARP throws here it would throw when the configuration is applied.
            return exception;
        }
    }

    private static void Report(Entry entry, IList<Exception> found, FaultList faults)
    {
        foreach (var exception in found)
        {
            var node = entry.Section.Node!;
            faults.Error(FaultCodes.RefusedByProxy, entry.Member.Place, node.Path, Explain(exception, node));
        }
    }

    /// <summary>YARP's messages quote values, which must not be shown when they come from the environment.</summary>
    private static string Explain(Exception exception, Node node) => HasExpanded(node)
        ? "YARP refuses it; its message is withheld because values from the environment are involved"
        : exception.Message.ReplaceLineEndings(" ").TrimEnd('.');

    /// <summary>YARP would judge a default in place of a value that may be anything.</summary>
    private static bool HasUnknown(Node node) => node switch
    {
        ObjectNode keys => keys.Members.Any(m => HasUnknown(m.Value)),
        ListNode list => list.Items.Any(HasUnknown),
        ScalarNode scalar => scalar.IsUnknown,
        _ => false,
    };

    private static bool HasExpanded(Node node) => node switch
    {
        ObjectNode keys => keys.Members.Any(m => HasExpanded(m.Value)),
        ListNode list => list.Items.Any(HasExpanded),
        ScalarNode scalar => scalar.IsExpanded,
        _ => false,
    };

    /// <summary>Policies of ours are not registered here; their names have been checked already.</summary>
    private static ClusterConfig Known(ClusterConfig cluster) => cluster.HealthCheck?.Passive is not { } passive
        ? cluster with { LoadBalancingPolicy = null }
        : cluster with
        {
            LoadBalancingPolicy = null,
            HealthCheck = cluster.HealthCheck with
            {
                Passive = passive with { Policy = HealthCheckConstants.PassivePolicy.TransportFailureRate },
            },
        };

    /// <summary>YARP's validators are asynchronous in form only.</summary>
    private static IList<Exception> Wait(ValueTask<IList<Exception>> validation) =>
        validation.IsCompletedSuccessfully ? validation.Result : validation.AsTask().GetAwaiter().GetResult();

    private static ServiceProvider CreateServices()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddRouting();
        services.AddRequestTimeouts();
        services.AddReverseProxy();
        return services.BuildServiceProvider();
    }
}
