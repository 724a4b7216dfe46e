using EdgeProxy.AccessLog;
using EdgeProxy.Admin;
using EdgeProxy.Configuration;
using EdgeProxy.Connections;
using EdgeProxy.Draining;
using EdgeProxy.Errors;
using EdgeProxy.Fallbacks;
using EdgeProxy.Health;
using EdgeProxy.Metrics;
using EdgeProxy.RateLimiting;
using EdgeProxy.Redis;
using EdgeProxy.Resilience;
using EdgeProxy.Shedding;
using EdgeProxy.Tls;
using EdgeProxy.Upstreams;
using EdgeProxy.Yarp;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Hosting;

namespace EdgeProxy;

/// <summary>
/// The composition root: one line a feature, two servers. Traffic and admin are servers of their own, so that the admin
/// listener answers while traffic drains and is never reachable through the traffic port.
/// </summary>
internal sealed partial class Gateway : IAsyncDisposable
{
    /// <summary>How long a request of the admin listener may go on once traffic has ended; a scrape takes less.</summary>
    private static readonly TimeSpan AdminPatience = TimeSpan.FromSeconds(1);

    /// <summary>So few connections of clients that it is worth a warning.</summary>
    private const long FewClients = 64;

    private readonly WebApplication _traffic;
    private readonly WebApplication _admin;
    private readonly ILogger _logger;

    private Gateway(WebApplication traffic, WebApplication admin)
    {
        _traffic = traffic;
        _admin = admin;
        _logger = traffic.Services.GetRequiredService<ILogger<Gateway>>();
    }

    public IServiceProvider Services => _traffic.Services;

    /// <summary>Addresses really bound for traffic; empty before <see cref="StartAsync"/>.</summary>
    public ICollection<string> Addresses => AddressesOf(_traffic);

    /// <summary>Address really bound for the admin listener.</summary>
    public string AdminAddress => AddressesOf(_admin).First();

    /// <summary>Signalled when the edge is to stop: by <see cref="StopAsync(bool)"/>, or by the host when a part has crashed.</summary>
    public CancellationToken Stopping => Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;

    public static Gateway Create(RunOptions options, Revision revision) =>
        Create(options, new StartingPoint(revision, [], FellBack: false));

    public static Gateway Create(RunOptions options, StartingPoint start)
    {
        var revision = start.Revision!;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        var services = builder.Services;
        builder.Logging.AddEdgeLogging();
        services.AddSingleton<IHostLifetime, SignalLifetime>();
        services.AddSingleton(options);
        services.AddSingleton<Descriptors>();
        services.AddSingleton(TimeProvider.System);
        services.AddEdgeConfiguration(options, start);
        services.AddEdgeTls();
        services.AddSingleton<Readiness>();
        services.AddRequestTimeouts();
        services.AddEdgeMetrics();
        services.AddEdgeErrors();
        services.AddEdgeAccessLog();
        services.AddEdgeRedis(revision.Edge.Store);
        services.AddSingleton<ServerAnswers>();
        services.AddSingleton<IConnectionBound, ConnectionBound>();
        services.AddSingleton<Endings>();
        services.AddEdgeRateLimiting();
        services.AddEdgeShedding();
        services.AddEdgeUpstreams();
        services.AddEdgeReverseProxy();
        services.AddEdgeFallbacks();
        services.AddEdgeRouting();                   // after all that adds routing: its choice of hosts replaces the platform's
        services.AddEdgeHealth();
        builder.WebHost.UseEdgeListeners(revision.Edge);
        services.AddEdgeDraining();                  // after the listeners: its transport stands before Kestrel's own

        var traffic = builder.Build();
        try
        {
            traffic.Services.StartMetrics();
            traffic.UseEdgePipeline();
            return new Gateway(traffic, AdminListener.Create(traffic.Services, revision.Edge));
        }
        catch
        {
            ((IDisposable)traffic).Dispose(); // nobody else has it yet
            throw;
        }
    }

    public async Task StartAsync(CancellationToken cancellation = default)
    {
        await _admin.StartAsync(cancellation);
        Services.GetRequiredService<AdminEndpoint>().Bind(AdminAddress); // before any request can lead there
        try
        {
            await _traffic.StartAsync(cancellation);
        }
        catch
        {
            _traffic.Lifetime.StopApplication(); // the parts that have begun end as at any stop, not as if they had crashed
            throw;
        }

        await Services.GetRequiredService<RoutingWarmUp>().RunAsync(Services);
        Measure(Services.GetRequiredService<Descriptors>());
        Services.GetRequiredService<Overload>().Begin();
        Services.GetRequiredService<Readiness>().MarkServing();
        var addresses = string.Join(", ", Addresses);
        LogReady(_logger, addresses, AdminAddress);
    }

    /// <summary>Drains traffic for as long as the active revision allows, then stops the admin listener.</summary>
    /// <param name="acceptFirst">Load balancers are to hear of it before a connection is refused.</param>
    public Task StopAsync(bool acceptFirst = false)
    {
        var shutdown = Services.GetRequiredService<Revisions>().Current.Edge.Shutdown;
        return StopAsync(shutdown.DrainTimeout, acceptFirst ? shutdown.AcceptFor : TimeSpan.Zero);
    }

    /// <summary>Drains traffic for <paramref name="limit"/> at most, cuts what is left, then stops the admin listener.</summary>
    public Task StopAsync(TimeSpan limit) => StopAsync(limit, TimeSpan.Zero);

    private async Task StopAsync(TimeSpan limit, TimeSpan acceptFor)
    {
        Services.GetRequiredService<Readiness>().MarkDraining();
        LogDraining(_logger, limit.TotalSeconds);
        var drain = Services.GetRequiredService<Drain>();
        using var deadline = new CancellationTokenSource(limit, Services.GetRequiredService<TimeProvider>());
        await drain.BeginAsync(limit - await drain.AcceptAsync(limit, acceptFor));
        await _traffic.StopAsync(deadline.Token);
        LogStopped(_logger, deadline.IsCancellationRequested ? "cut what was left" : "all requests finished");
        using var patience = new CancellationTokenSource(AdminPatience, Services.GetRequiredService<TimeProvider>());
        await _admin.StopAsync(patience.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _traffic.DisposeAsync();
        await _admin.DisposeAsync();
    }

    /// <summary>Shares out the descriptors, now that all is there which takes some at rest.</summary>
    private void Measure(Descriptors descriptors)
    {
        LateAssemblies.Load();
        descriptors.Measure();
        if (descriptors.Clients < FewClients)
        {
            LogFewDescriptors(_logger, descriptors.Clients);
        }
    }

    private static ICollection<string> AddressesOf(WebApplication app) =>
        app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;

    [LoggerMessage(Level = LogLevel.Information, Message = "Ready: traffic on {Addresses}, admin on {Admin}")]
    private static partial void LogReady(ILogger logger, string addresses, string admin);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The process may open few files: there is room for {Clients} connections of clients. Raise its limit (ulimit -n)")]
    private static partial void LogFewDescriptors(ILogger logger, long clients);

    [LoggerMessage(Level = LogLevel.Information, Message = "Draining for {Seconds} s at most")]
    private static partial void LogDraining(ILogger logger, double seconds);

    [LoggerMessage(Level = LogLevel.Information, Message = "Drained: {Outcome}")]
    private static partial void LogStopped(ILogger logger, string outcome);
}
