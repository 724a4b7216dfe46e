using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Hosting;
using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Draining;

internal static class DrainingServices
{
    public static void AddEdgeDraining(this IServiceCollection services)
    {
        // Where clients wait that come faster than they are accepted: as many as the system allows.
        services.Configure<SocketTransportOptions>(sockets => sockets.Backlog = ClientSockets.LongestQueue);
        services.AddSingleton<ClientSockets>();
        services.AddSingleton<IConnectionListenerFactory>(provider => provider.GetRequiredService<ClientSockets>());
        services.AddSingleton<Drain>();
        services.AddSingleton<ITransformProvider, DrainTransforms>();

        // Shutdown.DrainTimeout is the one limit; the host's own of 30 s would cut a longer drain short.
        services.Configure<HostOptions>(host => host.ShutdownTimeout = Timeout.InfiniteTimeSpan);
    }
}
