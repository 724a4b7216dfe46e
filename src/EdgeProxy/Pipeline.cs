using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using EdgeProxy.Draining;
using EdgeProxy.Errors;
using EdgeProxy.Fallbacks;
using EdgeProxy.Metrics;
using EdgeProxy.RateLimiting;
using EdgeProxy.Requests;
using EdgeProxy.Resilience;
using EdgeProxy.Shedding;
using EdgeProxy.WebSockets;

namespace EdgeProxy;

/// <summary>A request's way through the edge, top to bottom. Order is behaviour: each line says why it stands there.</summary>
internal static class Pipeline
{
    public static void UseEdgePipeline(this WebApplication app)
    {
        // YARP registers authorization, and the host would put its middleware around every request; no route can ask for it.
        ((IApplicationBuilder)app).Properties["__AuthorizationMiddlewareSet"] = true;

        app.UseMiddleware<EdgeContextMiddleware>();  // first: whatever happens below has a revision and an id to name
        app.UseMiddleware<DrainMiddleware>();        // before anything that can answer: during a drain every answer says close
        app.UseMiddleware<RequestMetricsMiddleware>(); // around errors: counts the answer that the client really got
        app.UseMiddleware<ErrorMiddleware>();        // the only writer of error bodies; what is below names an error, not a body
        app.UseMiddleware<RequestGuardMiddleware>();  // before routing: a route is never chosen by what could be read two ways
        app.Use(app.Services.GetRequiredService<RoutingWarmUp>().Before); // at the door of routing: its table is built before Ready
        app.UseRouting();                            // before all that depends on the route; only the guard needs none
        app.UseMiddleware<RouteSettingsMiddleware>(); // after routing: from here on the request knows its route's settings
        app.UseMiddleware<InFlightMiddleware>();     // as soon as the route is known: what hangs below shows up as under way
        app.UseMiddleware<OverloadMiddleware>();     // before all that costs: what is refused for overload takes no token and no place
        app.UseMiddleware<UploadMiddleware>();       // a body too large is refused before it costs a token or an upstream
        app.UseMiddleware<ClientMiddleware>();       // before limits: the client is what most buckets are kept for
        app.UseMiddleware<RateLimitMiddleware>();    // before balancing: a refused request costs no upstream
        app.UseRequestTimeouts();                    // YARP refuses routes with a timeout unless this stands before the endpoints
        app.UseMiddleware<DeadlineMiddleware>();     // below those: a gRPC client's own deadline, when it is earlier
        app.UseMiddleware<WebSocketMiddleware>();    // around the forward: ends a WebSocket in its own words when the upstream cannot
        app.MapReverseProxy(proxy =>
        {
            proxy.UseMiddleware<RetiringClustersMiddleware>(); // first: what follows chooses among the destinations given here
            proxy.UseMiddleware<DrainingSessionsMiddleware>(); // before affinity: sessions stay where no new ones go
            proxy.UseSessionAffinity();              // before balancing: narrows the choice to the destination the client stuck to
            proxy.UseWhen(IsSpecial, special =>
            {
                special.UseMiddleware<ReplayMiddleware>(); // before balancing: no destination is kept while a client uploads
                special.UseMiddleware<FallbackMiddleware>(); // around all that can fail a request, and that may be done for another cluster
            });
            proxy.UseMiddleware<BalanceMiddleware>(); // through the cluster's gate, chooses the destination and counts it as busy
            proxy.UseMiddleware<ForwardMiddleware>(); // around the forward: keeps account of the time spent on destinations
            proxy.UsePassiveHealthChecks();          // around the forward that follows: judges its outcome
        }).WithRouteSettings(app.Services.GetRequiredService<Revisions>())
            .WithRouteGates(app.Services); // around all of the proxy, on routes with Concurrency alone
    }

    /// <summary>Most routes are not: they pay for no more than this question.</summary>
    private static bool IsSpecial(HttpContext context) => context.Edge().Route is { Retry: not null } or { Fallback: not null };
}
