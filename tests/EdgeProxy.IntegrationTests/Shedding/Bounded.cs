using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Shedding;

/// <summary>Edges with `Concurrency`, and what they say of it.</summary>
internal static class Bounded
{
    public const string One = "\"Concurrency\": { \"Max\": 1 }";
    public const string OneAndOne = "\"Concurrency\": { \"Max\": 1, \"Queue\": 1, \"QueueTimeout\": \"1h\" }";

    public static string Two(string a, string b, string cluster, string route = "") => $$"""
        "ReverseProxy": {
          "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" } {{route}} } },
          "Clusters": { "up": { {{cluster}}, "CircuitBreaker": { "Enabled": false },
            "Destinations": { "a": { "Address": "{{a}}" }, "b": { "Address": "{{b}}" } } } }
        }
        """;

    public static async Task UntilAsync(Edge edge, bool isRoute, int used, int queued) => await Wait.UntilAsync(async () =>
    {
        using var answer = JsonDocument.Parse(await edge.Admin.GetStringAsync(isRoute ? "/v1/routes" : "/v1/clusters"));
        var gate = answer.RootElement[0].GetProperty("concurrency");
        return gate.GetProperty("inUse").GetInt32() == used && gate.GetProperty("queued").GetInt32() == queued;
    }, $"{used} are under way and {queued} wait");

    public static string CodeOf(HttpResponseMessage answer) =>
        Assert.Single(answer.Headers.GetValues("Proxy-Status")).Split("details=\"")[1].TrimEnd('"');
}
