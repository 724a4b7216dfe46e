using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;
using static EdgeProxy.IntegrationTests.Resilience.Breaking;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>Breakers that a reload or an order closes.</summary>
public sealed class RollbackTests
{
    private const string Nobody = "http://127.0.0.1:1/";
    private const string Long = """
        "CircuitBreaker": { "OpenFor": "1h", "OpenForMax": "1h" }, "Ejection": { "Base": "1h", "Max": "1h" }
        """;

    [Theory]
    [InlineData("\"a\": {", "\"a\": {")]  // the address alone
    [InlineData("\"a\": {", "\"b\": {")]  // another destination
    public async Task After_a_rollback_of_an_address_all_is_as_before(string before, string after)
    {
        await using var good = await Upstream.StartAsync("good");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(good.Address, cluster: Long));
        await Reload.ApplyAsync(edge, Edge.OneRoute(Nobody, cluster: Long));
        await OpenAsync(edge);

        await Reload.ApplyAsync(edge, Edge.OneRoute(good.Address, cluster: Long).Replace(before, after, StringComparison.Ordinal));

        Assert.Equal(("closed", "closed"), await StatesAsync(edge));
        Assert.Equal("good", await edge.Client.GetStringAsync("/"));
    }

    [Fact]
    public async Task A_reload_that_only_removes_a_destination_closes_nothing()
    {
        await using var edge = await Edge.StartAsync(Three(Nobody, Nobody, Nobody, Long));
        await OpenAsync(edge);

        await Reload.ApplyAsync(edge, Edge.OneRoute(Nobody, cluster: Long + ", \"LoadBalancingPolicy\": \"RoundRobin\""));

        Assert.Equal("open", (await StatesAsync(edge)).Item1);
    }

    [Fact]
    public async Task An_order_closes_the_breaker_of_a_cluster()
    {
        var healed = false;
        await using var a = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = Volatile.Read(ref healed) ? 200 : 503;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(a.Address, cluster: Long));
        await OpenAsync(edge);
        Volatile.Write(ref healed, true);

        Assert.Equal(HttpStatusCode.NoContent, (await edge.Admin.DeleteAsync("/v1/clusters/up/breaker")).StatusCode);

        Assert.Equal("closed", (await StatesAsync(edge)).Item1);
        Assert.Equal(0, (await ClusterAsync(edge)).GetProperty("breaker").GetProperty("opens").GetInt32());
        Assert.Equal(HttpStatusCode.OK, (await edge.Client.GetAsync("/")).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await edge.Admin.DeleteAsync("/v1/clusters/up/breaker")).StatusCode); // nothing to close
    }

    [Fact]
    public async Task An_order_closes_the_breaker_of_a_destination_and_ends_its_ejection()
    {
        await using var good = await Upstream.StartAsync("good");
        await using var edge = await Edge.StartAsync(Three(Nobody, good.Address, good.Address, Long));
        await LoadUntilAsync(edge, async () => (await StatesAsync(edge)).Item2 == "open");

        Assert.Equal(HttpStatusCode.NoContent, (await edge.Admin.DeleteAsync("/v1/clusters/up/destinations/a/breaker")).StatusCode);

        Assert.Equal("closed", (await StatesAsync(edge)).Item2);
        Assert.True((await DestinationAsync(edge, 0)).GetProperty("available").GetBoolean());
    }

    [Theory]
    [InlineData("/v1/clusters/none/breaker")]
    [InlineData("/v1/clusters/none/destinations/a/breaker")]
    [InlineData("/v1/clusters/up/destinations/none/breaker")]
    public async Task An_order_to_nobody_is_a_404(string path)
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute(Nobody));
        Assert.Equal(HttpStatusCode.NotFound, (await edge.Admin.DeleteAsync(path)).StatusCode);
    }
}
