using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Yarp;

/// <summary>Requests do not fill the log: what YARP would say of each the edge says, ten times a second at most, or not at all.</summary>
public sealed class LinesTests
{
    [Fact]
    public async Task A_request_that_finds_no_destination_is_a_line_of_the_edge_alone()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/").Replace(
            "\"http://127.0.0.1:1/\"", "\"http://127.0.0.1:1/\", \"State\": \"Down\"", StringComparison.Ordinal));
        var log = Log.Of(edge);

        using var answer = await edge.Client.GetAsync("/");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.StartsWith("EdgeProxy.Errors.FailureLog", Assert.Single(log.Entries(LogLevel.Warning)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HashCookie")]
    [InlineData("ArrCookie")]
    [InlineData("Cookie")]
    public async Task A_cookie_that_names_no_session_is_served_and_not_worth_a_line(string policy)
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: $$"""
            "SessionAffinity": { "Enabled": true, "Policy": "{{policy}}", "AffinityKeyName": "sid" }
            """));
        var log = Log.Of(edge);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Add("Cookie", "sid=made-up");

        using var answer = await edge.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Empty(log.Entries(LogLevel.Warning));
    }
}
