using EdgeProxy.Configuration;

namespace EdgeProxy.Admin;

/// <summary>The admin server. Each feature mounts its own routes; this file is the list of them.</summary>
internal static class AdminListener
{
    public static WebApplication Create(IServiceProvider edge, EdgeOptions options)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddEdgeLogging();
        builder.Services.AddRouting();
        builder.Services.AddSingleton(edge.GetRequiredService<Revisions>());
        builder.WebHost.UseAdminListener(options.Admin);

        var app = builder.Build();
        app.UseRouting();
        app.MapGet("/livez", () => Results.Text("ok\n"));
        app.MapGet("/readyz", () => Results.Text("ok\n"));
        return app;
    }
}
