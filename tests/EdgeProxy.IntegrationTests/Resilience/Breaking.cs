using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>Edges whose breakers open and close, and what they say of them.</summary>
internal static class Breaking
{
    /// <summary>Of a cluster: breakers whose times a test can wait for.</summary>
    public const string Quick = """
        "CircuitBreaker": { "OpenFor": "500ms", "OpenForMax": "1s", "RecoverOver": "1s" }, "Ejection": { "Base": "500ms", "Max": "1s" }
        """;

    public static RequestDelegate Status(int status) => context =>
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    };

    public static string Three(string a, string b, string c, string cluster, string route = "") => $$"""
        "ReverseProxy": {
          "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" } {{route}} } },
          "Clusters": { "up": { "LoadBalancingPolicy": "RoundRobin", "Destinations": {
            "a": { "Address": "{{a}}" }, "b": { "Address": "{{b}}" }, "c": { "Address": "{{c}}" } }, {{cluster}} } }
        }
        """;

    public static Task OpenAsync(Edge edge, HttpClient? client = null) =>
        LoadUntilAsync(edge, async () => (await StatesAsync(edge)).Item1 == "open", client);

    /// <summary>Sends requests, four at a time, until something has come of it.</summary>
    /// <param name="client">Who sends them; null: the edge's own client, which is one.</param>
    public static Task LoadUntilAsync(Edge edge, Func<Task<bool>> condition, HttpClient? client = null) => Wait.UntilAsync(
        async () =>
        {
            await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
            {
                try
                {
                    using var answer = await (client ?? edge.Client).GetAsync("/");
                }
                catch (HttpRequestException)
                {
                    // An answer that broke off.
                }
            }));
            return await condition();
        }, "the breaker does what it should");

    public static Task<JsonElement> ClusterAsync(Edge edge) => edge.Admin.GetFromJsonAsync<JsonElement>("/v1/clusters/up");

    public static async Task<JsonElement> DestinationAsync(Edge edge, int index) =>
        (await ClusterAsync(edge)).GetProperty("destinations")[index];

    /// <summary>State of the cluster's breaker and of its first destination's.</summary>
    public static async Task<(string?, string?)> StatesAsync(Edge edge)
    {
        var cluster = await ClusterAsync(edge);
        return (StateOf(cluster), StateOf(cluster.GetProperty("destinations")[0]));
    }

    private static string? StateOf(JsonElement view) => view.GetProperty("breaker").GetProperty("state").GetString();
}
