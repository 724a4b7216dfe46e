using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Fallbacks;

/// <summary>The answer of the route's own cluster, while another cluster is asked for a better one.</summary>
public sealed class OwnAnswerTests
{
    [Fact]
    public async Task It_is_let_go_of_when_the_client_leaves_meanwhile()
    {
        var isAsked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var isLetGo = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var own = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync("HTTP/1.1 503 No\r\nContent-Length: 8000000\r\n\r\nhalf");
            await connection.DrainAsync();
            isLetGo.SetResult();
        });
        await using var other = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            isAsked.SetResult();
            await connection.StayAsync();
        });
        await using var edge = await StartAsync(own, other);
        using var leaving = new CancellationTokenSource();
        var asking = edge.Client.GetAsync("/", leaving.Token);
        await isAsked.Task.WaitAsync(Wait.Deadline);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        await isLetGo.Task.WaitAsync(Wait.Deadline);
    }

    /// <summary>It had most of the time: what the other cluster had of it came after.</summary>
    [Fact]
    public async Task It_counts_from_its_own_beginning_when_the_other_cluster_has_none_and_it_is_not_whole_in_time()
    {
        await using var own = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await Task.Delay(TimeSpan.FromMilliseconds(1200), TimeProvider.System);
            await connection.SendAsync("HTTP/1.1 503 No\r\nContent-Length: 8\r\n\r\nhalf");
            await connection.StayAsync();
        });
        await using var other = RawUpstream.Answering("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
        await using var edge = await StartAsync(own, other, "\"Timeout\": \"2s\",");
        var log = Log.Of(edge);

        using var answer = await edge.Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead, Wait.Deadline);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => answer.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Single(other.Heads);
        await Wait.UntilAsync(
            () => log.Entries(LogLevel.Warning).Any(entry => entry.Contains("up/a is Unhealthy", StringComparison.Ordinal)),
            "it has counted");
    }

    private static Task<Edge> StartAsync(RawUpstream own, RawUpstream other, string route = "") => Edge.StartAsync($$"""
        "ReverseProxy": {
          "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" }, {{route}}
            "Fallback": { "On": [ "503" ], "Cluster": "other" } } },
          "Clusters": {
            "up": {
              "LoadBalancingPolicy": "FirstAlphabetical",
              "HealthCheck": { "Passive": { "Enabled": true, "Policy": "FailureRate" } },
              "Metadata": { "FailureRateHealthPolicy.MinimalTotal": "1" },
              "Destinations": { "a": { "Address": "{{own.Address}}" }, "z": { "Address": "http://127.0.0.1:1/" } } },
            "other": { "Destinations": { "b": { "Address": "{{other.Address}}" } } } }
        }
        """);
}
