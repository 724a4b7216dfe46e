using EdgeProxy.Configuration;
using EdgeProxy.Draining;
using EdgeProxy.Health;
using EdgeProxy.Metrics;
using EdgeProxy.RateLimiting;
using EdgeProxy.Redis;
using EdgeProxy.Resilience;
using EdgeProxy.Shedding;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Hosting;

namespace EdgeProxy.Admin;

/// <summary>
/// The admin server. Each feature mounts its own routes; <see cref="MapFeatures"/> is the list of them. Handlers answer
/// failures by `context.Fail(EdgeErrors.X)` or a bare status code; the body is written around them.
/// </summary>
internal static class AdminListener
{
    /// <summary>Largest body that the admin listener reads, in bytes: room for a configuration of tens of thousands of routes.</summary>
    public const long BodyBytesMax = 16 << 20;

    /// <summary>Builds the server. <paramref name="edge"/> is the container of the traffic server, where the features live.</summary>
    public static WebApplication Create(IServiceProvider edge, EdgeOptions options)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddEdgeLogging();
        builder.Services.AddSingleton<IHostLifetime, SignalLifetime>();
        builder.Services.AddRouting();
        builder.Services.AddOpenApi();
        builder.Services.AddSingleton(edge.GetRequiredService<Revisions>());
        builder.Services.AddSingleton(edge.GetRequiredService<TimeProvider>());
        builder.Services.AddSingleton(edge.GetRequiredService<Descriptors>());
        builder.Services.AddSingleton<IConnectionBound, AdminConnections>();
        builder.WebHost.UseAdminListener(options.Admin);
        builder.Services.AddSingleton<IConnectionListenerFactory, ClientSockets>(); // after it: stands before Kestrel's own

        var app = builder.Build();
        app.Use(AdminConnections.ServeAsync); // around all: a connection is busy until its response is written
        app.UseMiddleware<AdminMiddleware>(); // whatever fails below is answered in the one error format
        app.Use(AnswerHeadAsGet);             // before routing, whose routes are for GET
        app.UseRouting();
        app.Use(Guard(options.Admin));        // after routing: what is open to all is told by the endpoint
        app.Use((context, next) =>            // after routing, which has filled in the names as the server decodes them
        {
            SentNames.Restore(context);
            return next(context);
        });
        app.MapProbes(edge);
        app.MapMetrics(edge).WithMetadata(OpenToAll.Instance);
        app.MapOpenApi();                     // /openapi/v1.json
        MapFeatures(app.MapGroup("/v1"), edge);
        return app;
    }

    /// <summary>One line a feature: `v1.MapX(edge)`, which stands in the feature's `XAdmin.cs`.</summary>
    private static void MapFeatures(RouteGroupBuilder v1, IServiceProvider edge)
    {
        v1.MapConfiguration(edge);
        v1.MapClusters(edge);
        v1.MapDestinations(edge);
        v1.MapBreakers(edge);
        v1.MapRateLimits(edge);
        v1.MapStore(edge);
        v1.MapOverload(edge);
    }

    private static void MapProbes(this WebApplication app, IServiceProvider edge)
    {
        var readiness = edge.GetRequiredService<Readiness>();
        app.MapGet("/livez", () => Results.Text("ok\n")).WithMetadata(OpenToAll.Instance)
            .WithSummary("200 as long as the process answers.");
        app.MapGet("/readyz", () =>
            {
                var (isReady, text) = readiness.State;
                return Results.Text(text + "\n", statusCode: isReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
            })
            .WithMetadata(OpenToAll.Instance)
            .WithSummary("200 while this node wants traffic; 503 with the reason while it starts or drains. Says when it is overloaded.");
    }

    /// <summary>The server knows that it was HEAD, and sends no body.</summary>
    private static Task AnswerHeadAsGet(HttpContext context, RequestDelegate next)
    {
        if (HttpMethods.IsHead(context.Request.Method))
        {
            context.Request.Method = HttpMethods.Get;
        }

        return next(context);
    }

    private static Func<HttpContext, RequestDelegate, Task> Guard(AdminOptions options)
    {
        var guard = new AdminGuard(options);
        return (context, next) =>
        {
            var openToAll = context.GetEndpoint()?.Metadata.GetMetadata<OpenToAll>() is not null;
            if (guard.Refusal(context.Request, openToAll) is not { } refusal)
            {
                return next(context);
            }

            if (refusal.Status == StatusCodes.Status401Unauthorized)
            {
                context.Response.Headers.WWWAuthenticate = "Bearer";
            }

            context.Fail(refusal);
            return Task.CompletedTask;
        };
    }
}
