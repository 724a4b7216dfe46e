using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Health;

/// <summary>nginx and haproxy as destinations, killed, hung and brought back.</summary>
public sealed class RealServersTests
{
    private const string Checks = """
        "HealthCheck": { "Active": { "Enabled": true, "Interval": "00:00:00.200", "Timeout": "00:00:00.500" } },
        "LoadBalancingPolicy": "RoundRobin"
        """;

    [Fact]
    public async Task A_killed_destination_leaves_the_other_one_to_serve_and_returns()
    {
        await using var nginx = await ServerProcess.NginxAsync();
        await using var haproxy = await ServerProcess.HaproxyAsync();
        await using var edge = await StartAsync(nginx, haproxy);
        await BothServeAsync(edge);

        await nginx.KillAsync();
        await OutAsync(edge, "nginx");
        await OnlyServesAsync(edge, "haproxy");

        await nginx.RestartAsync();
        await ActiveHealthTests.UntilStateAsync(edge, "healthy", "nginx");
        await BothServeAsync(edge);
    }

    [Fact]
    public async Task A_hung_destination_leaves_the_other_one_to_serve_and_returns()
    {
        await using var nginx = await ServerProcess.NginxAsync();
        await using var haproxy = await ServerProcess.HaproxyAsync();
        await using var edge = await StartAsync(nginx, haproxy);
        await BothServeAsync(edge);

        await haproxy.StopAsync();
        await OutAsync(edge, "haproxy");
        await OnlyServesAsync(edge, "nginx");

        await haproxy.WakeAsync();
        await ActiveHealthTests.UntilStateAsync(edge, "healthy", "haproxy");
        await BothServeAsync(edge);
    }

    private static Task<Edge> StartAsync(ServerProcess nginx, ServerProcess haproxy) => Edge.StartAsync(
        Edge.OneRoute(nginx.Address, cluster: Checks).Replace(
            "\"a\": {", $$"""
            "haproxy": { "Address": "{{haproxy.Address}}" }, "nginx": {
            """));

    private static Task BothServeAsync(Edge edge)
    {
        var seen = new HashSet<string>();
        return Wait.UntilAsync(async () =>
        {
            seen.Add(await edge.Client.GetStringAsync("/"));
            return seen.SetEquals(["nginx", "haproxy"]);
        }, "both serve");
    }

    private static Task OutAsync(Edge edge, string name) => Wait.UntilAsync(
        async () => !(await ActiveHealthTests.DestinationAsync(edge, name)).GetProperty("available").GetBoolean(), $"{name} is left out");

    private static async Task OnlyServesAsync(Edge edge, string name)
    {
        for (var i = 0; i < 20; i++)
        {
            var answer = await edge.Client.GetAsync("/");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal(name, await answer.Content.ReadAsStringAsync());
        }
    }
}
