using System.Net;
using System.Net.Sockets;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Clients;

/// <summary>A socket that takes IPv6 and IPv4 shows IPv4 in the dress of IPv6; nobody else is to see it so.</summary>
public sealed class DualStackTests
{
    private const string TwoListeners = "\"http://[::]:0\", \"http://127.0.0.1:0\"";

    [Theory]
    [InlineData("Client")]
    [InlineData("Ip")]
    public async Task An_IPv4_client_is_the_same_one_on_a_listener_of_both_and_on_its_own(string per)
    {
        Assert.SkipUnless(Socket.OSSupportsIPv6, "There is no IPv6 here.");
        await using var upstream = await Upstream.StartAsync(
            context => context.Response.WriteAsync(context.Request.Headers["X-Forwarded-For"].ToString()));
        await using var edge = await Edge.StartAsync(
            $$"""
            "RateLimits": { "two": { "Per": "{{per}}", "Limits": [ { "Name": "h", "Capacity": 2, "Refill": 1, "Every": "1h" } ] } },
            """ + Edge.OneRoute(upstream.Address, "\"RateLimiterPolicy\": \"two\""),
            listen: TwoListeners);
        var both = $"http://127.0.0.1:{new Uri(edge.Addresses[0]).Port}/";
        var own = edge.Addresses[1] + "/";
        Assert.Contains("[::]", edge.Addresses[0], StringComparison.Ordinal);

        Assert.Equal("127.0.0.1", await edge.Client.GetStringAsync(both));
        Assert.Equal("127.0.0.1", await edge.Client.GetStringAsync(own));
        Assert.Equal(HttpStatusCode.TooManyRequests, (await edge.Client.GetAsync(both)).StatusCode);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await edge.Client.GetAsync(own)).StatusCode);
    }

    [Fact]
    public async Task A_trusted_IPv4_peer_is_trusted_on_a_listener_of_both()
    {
        Assert.SkipUnless(Socket.OSSupportsIPv6, "There is no IPv6 here.");
        await using var upstream = await Upstream.StartAsync(
            context => context.Response.WriteAsync(context.Request.Headers["X-Forwarded-For"].ToString()));
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute(upstream.Address), "\"TrustedProxies\": [ \"127.0.0.0/8\" ]", listen: TwoListeners);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{new Uri(edge.Addresses[0]).Port}/");
        request.Headers.Add("X-Forwarded-For", "192.0.2.7");

        using var answer = await edge.Client.SendAsync(request);

        Assert.Equal("192.0.2.7, 127.0.0.1", await answer.Content.ReadAsStringAsync());
    }
}
