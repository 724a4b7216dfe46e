using System.Collections.Concurrent;
using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>nginx, haproxy and Caddy as the destinations of one cluster: one after the other is killed or hung under load.</summary>
public sealed class RealDestinationsTests
{
    private static readonly string[] All = ["caddy", "haproxy", "nginx"];

    [Theory]
    [InlineData("nginx", true)]
    [InlineData("nginx", false)]
    [InlineData("haproxy", true)]
    [InlineData("haproxy", false)]
    [InlineData("caddy", true)]
    [InlineData("caddy", false)]
    public async Task One_that_is_gone_costs_no_client_its_answer_and_comes_back(string gone, bool killed)
    {
        await using var nginx = await ServerProcess.NginxAsync();
        await using var haproxy = await ServerProcess.HaproxyAsync();
        await using var caddy = await ServerProcess.CaddyAsync();
        await using var edge = await Edge.StartAsync(Configuration(nginx, haproxy, caddy));
        var server = gone switch { "nginx" => nginx, "haproxy" => haproxy, _ => caddy };
        var (stop, failures, seen) = (false, new ConcurrentBag<string>(), new ConcurrentDictionary<string, int>());
        var clients = Enumerable.Range(0, 8).Select(async _ =>
        {
            while (!Volatile.Read(ref stop))
            {
                using var answer = await edge.Client.GetAsync("/");
                var body = await answer.Content.ReadAsStringAsync();
                seen.AddOrUpdate(body, 1, (_, count) => count + 1);
                if (answer.StatusCode != HttpStatusCode.OK || !All.Contains(body))
                {
                    failures.Add($"{(int)answer.StatusCode} {body}");
                }
            }
        }).ToList();
        await Wait.UntilAsync(() => seen.Count == All.Length, "all three serve");

        if (killed)
        {
            await server.KillAsync();
        }
        else
        {
            await server.StopAsync();
        }

        await Wait.UntilAsync(async () => await StateOfAsync(edge, gone) == "ejected", "it is left out");
        seen.Clear();
        await Wait.UntilAsync(() => seen.Values.Sum() > 200, "the others serve on");

        if (killed)
        {
            await server.RestartAsync();
        }
        else
        {
            await server.WakeAsync();
        }

        seen.Clear();
        await Wait.UntilAsync(() => seen.GetValueOrDefault(gone) > 50, "it serves again");
        Volatile.Write(ref stop, true);
        await Task.WhenAll(clients);
        Assert.Empty(failures);
    }

    private static async Task<string?> StateOfAsync(Edge edge, string destination)
    {
        using var cluster = System.Text.Json.JsonDocument.Parse(await edge.Admin.GetStringAsync("/v1/clusters/up"));
        return cluster.RootElement.GetProperty("destinations").EnumerateArray()
            .Single(one => one.GetProperty("id").GetString() == destination).GetProperty("state").GetString();
    }

    private static string Configuration(ServerProcess nginx, ServerProcess haproxy, ServerProcess caddy) => $$"""
        "ReverseProxy": {
          "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" }, "Retry": { "Attempts": 3 } } },
          "Clusters": { "up": {
            "Destinations": {
              "nginx": { "Address": "{{nginx.Address}}" },
              "haproxy": { "Address": "{{haproxy.Address}}" },
              "caddy": { "Address": "{{caddy.Address}}" } },
            "Timeouts": { "PerTry": "2s" },
            "RetryBudget": { "Ratio": 1, "ReservePerSecond": 100 },
            "CircuitBreaker": { "RecoverOver": "500ms" }, "Ejection": { "Base": "500ms", "Max": "1s" } } }
        }
        """;
}
