using System.Diagnostics;
using EdgeProxy.Yarp;
using Microsoft.AspNetCore.Routing.Patterns;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

/// <summary>
/// Builds a revision's route table for trial. Routing builds its table in one piece when the routes change; a single host or
/// constraint that it cannot read makes that fail, and routing then never looks at a later change again. So a table that
/// cannot be built must not get that far.
/// </summary>
internal static class RouteTable
{
    /// <summary>Null: routing can take these routes. Else what it says about the first one that it cannot.</summary>
    public static async Task<Exception?> TryBuildAsync(IReadOnlyList<RouteConfig> routes)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddMetrics();
        services.AddEdgeRouting();
        using var diagnostics = new DiagnosticListener("EdgeProxy.RouteTable");
        services.AddSingleton(diagnostics);
        await using var provider = services.BuildServiceProvider();
        try
        {
            var app = new ApplicationBuilder(provider);
            app.UseRouting();
            app.UseEndpoints(table => table.DataSources.Add(new DefaultEndpointDataSource(routes.Select(ToEndpoint))));
            await app.Build()(new DefaultHttpContext { RequestServices = provider, Request = { Method = "GET", Path = "/" } });
            return null;
        }
        catch (Exception exception)
        {
            return exception;
        }
    }

    private static RouteEndpoint ToEndpoint(RouteConfig route)
    {
        var pattern = RoutePatternFactory.Parse(string.IsNullOrEmpty(route.Match.Path) ? "/{**any}" : route.Match.Path);
        var endpoint = new RouteEndpointBuilder(_ => Task.CompletedTask, pattern, route.Order ?? 0) { DisplayName = route.RouteId };
        if (route.Match.Hosts is { Count: > 0 } hosts)
        {
            endpoint.Metadata.Add(new HostAttribute([.. hosts]));
        }

        // The method of the trial request is left out, so that two routes for one path do not make it ambiguous.
        endpoint.Metadata.Add(new HttpMethodMetadata(["TRIAL"]));
        return (RouteEndpoint)endpoint.Build();
    }
}
