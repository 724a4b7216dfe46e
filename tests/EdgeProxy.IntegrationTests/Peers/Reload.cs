using EdgeProxy.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>Gives a running edge another configuration, and waits until it is in effect.</summary>
internal static class Reload
{
    public static async Task ApplyAsync(Edge edge, string sections, string settings = "")
    {
        var revisions = edge.Services.GetRequiredService<Revisions>();
        var before = revisions.Current;
        await File.WriteAllTextAsync(Path.Combine(edge.Folder, "edgeproxy.json"), Edge.Document(sections, settings));
        await Wait.UntilAsync(() => revisions.Current != before, "the new configuration is in effect");
    }
}
