using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Yarp;

/// <summary>The request target toward the destination.</summary>
public sealed class TargetTests
{
    [Theory]
    [InlineData("/a%2Fb")]
    [InlineData("/a%2fb/%41%7e~")]
    [InlineData("/caf%C3%A9/%E2%82%AC")]
    [InlineData("//double//slashes/")]
    [InlineData("/a%25b/%20/+/%2B")]
    [InlineData("/!$&'()*,;=:@[]{}|^`\"<>")]
    [InlineData("/x?")]
    [InlineData("/x?a=%2F&b=1+2&c=%zz&a=/../")]
    [InlineData("/a.b/..c/.../x..")]
    [InlineData("/?q")]
    public async Task A_target_leaves_byte_for_byte_as_it_came(string target) => Assert.Equal(target, await ForwardedAsync(target));

    [Theory]
    [InlineData("/a/../b", "/b")]
    [InlineData("/a/./b/.", "/a/b/")]
    [InlineData("/a/%2e%2E/b%2Fc", "/b%2Fc")]
    [InlineData("/a/b/..?x=/../y", "/a/?x=/../y")]
    public async Task Dot_segments_are_taken_out_as_routing_does_and_the_rest_stays(string target, string forwarded) =>
        Assert.Equal(forwarded, await ForwardedAsync(target));

    [Theory]
    [InlineData("/public/..%2Fadmin")]
    [InlineData("/public/%2e%2e%2fadmin")]
    [InlineData("/public/x%2F../admin")]
    [InlineData("/public/..%5cadmin")]
    [InlineData("/public/..;/admin")]
    public async Task A_path_that_destinations_could_read_as_another_route_s_is_refused(string target)
    {
        foreach (var transforms in new[] { "", "\"Transforms\": [ { \"PathPrefix\": \"/app\" } ]" })
        {
            await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
            await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, transforms));
            Assert.Equal(HttpStatusCode.BadRequest, (await SendAsync(edge, target)).StatusCode);
            Assert.Empty(upstream.Heads);
        }
    }

    [Fact]
    public async Task The_path_of_the_destination_s_address_comes_first() =>
        Assert.Equal("/base/a%2Fb?q=%2F", await ForwardedAsync("/a%2Fb?q=%2F", "base/"));

    private static async Task<string> ForwardedAsync(string target, string prefix = "")
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address + prefix));
        Assert.Equal(HttpStatusCode.NoContent, (await SendAsync(edge, target)).StatusCode);
        return upstream.Heads.Single().Split(' ')[1];
    }

    private static Task<HttpResponseMessage> SendAsync(Edge edge, string target)
    {
        var asWritten = new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true };
        return edge.Client.GetAsync(new Uri(edge.Address + target, asWritten));
    }
}
