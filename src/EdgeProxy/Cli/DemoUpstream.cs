using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace EdgeProxy.Cli;

/// <summary>A small server on a free port of loopback that says its name and shows the request as it came through the edge.</summary>
internal sealed class DemoUpstream : IAsyncDisposable
{
    private readonly WebApplication _app;

    private DemoUpstream(WebApplication app) => _app = app;

    /// <summary>Base address with a trailing slash.</summary>
    public string Address =>
        _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + "/";

    public static async Task<DemoUpstream> StartAsync(string name)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, 0);
        });
        var app = builder.Build();
        app.Run(context => AnswerAsync(context, name));
        await app.StartAsync();
        return new DemoUpstream(app);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static async Task AnswerAsync(HttpContext context, string name)
    {
        var request = context.Request;
        context.Response.ContentType = "text/plain; charset=utf-8";
        await context.Response.WriteAsync($"Hello from upstream {name}, which received:\n");
        await context.Response.WriteAsync($"{request.Method} {request.Path}{request.QueryString}\n");
        foreach (var (field, value) in request.Headers)
        {
            await context.Response.WriteAsync($"{field}: {value}\n");
        }
    }
}
