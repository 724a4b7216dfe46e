using System.Diagnostics;
using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>Three real masters that share the slots, and policies whose keys lie in different ones.</summary>
public sealed class RedisClusterTests
{
    [Fact]
    public async Task Policies_in_different_slots_count_survive_lost_scripts_and_a_lost_master()
    {
        await using var one = await NodeAsync();
        await using var two = await NodeAsync();
        await using var three = await NodeAsync();
        await JoinAsync(one, two, three);
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(
            $"\"RateLimits\": {{ {Policy("a", 5)}, {Policy("b", 100)}, {Policy("c", 100)}, {Policy("d", 100)} }},"
            + Edge.OneRoute(upstream.Address, "\"RateLimits\": [ \"a\", \"b\", \"c\", \"d\" ]"),
            $"\"Store\": {{ \"Redis\": \"{one.Address},{two.Address},{three.Address}\" }}");
        await SharedLimitsTests.UpAsync(edge);
        Assert.True(SharedLimitsTests.Store(edge).IsCluster);

        Assert.InRange(await AdmittedAsync(edge, 10), 5, 10); // up to a burst more if the machine was too slow for the store
        foreach (var node in new[] { one, two, three })
        {
            await using var admin = await node.ConnectAsync();
            await admin.GetServer(node.Address).ExecuteAsync("SCRIPT", "FLUSH");
        }

        Assert.Equal(0, await AdmittedAsync(edge, 5));
        two.Kill();
        await AdmittedAsync(edge, 50);
        await two.StartAgainAsync();
        await SharedLimitsTests.UpAsync(edge);
        Assert.Equal(0, await AdmittedAsync(edge, 5));
    }

    private static Task<RedisServer> NodeAsync() =>
        RedisServer.StartAsync("--cluster-enabled", "yes", "--cluster-port", $"{RedisServer.FreePort()}");

    private static async Task JoinAsync(params RedisServer[] nodes)
    {
        string[] arguments = ["--cluster", "create", .. nodes.Select(node => node.Address), "--cluster-replicas", "0", "--cluster-yes"];
        using var create = Process.Start(new ProcessStartInfo("redis-cli", arguments) { RedirectStandardOutput = true })!;
        var said = await create.StandardOutput.ReadToEndAsync();
        await create.WaitForExitAsync();
        Assert.True(create.ExitCode == 0, said);
    }

    private static string Policy(string name, int capacity) => $$"""
        "{{name}}": { "Per": "Global", "Limits": [ { "Name": "{{name}}", "Capacity": {{capacity}}, "Refill": 1, "Every": "1h" } ] }
        """;

    /// <summary>No request may end in anything but the upstream's answer or a refusal.</summary>
    private static async Task<int> AdmittedAsync(Edge edge, int requests)
    {
        var admitted = 0;
        for (var i = 0; i < requests; i++)
        {
            using var answer = await edge.Client.GetAsync("/");
            Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.TooManyRequests, answer.StatusCode.ToString());
            admitted += answer.IsSuccessStatusCode ? 1 : 0;
        }

        return admitted;
    }
}
