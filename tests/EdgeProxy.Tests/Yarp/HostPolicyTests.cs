using EdgeProxy.Yarp;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Matching;
using Microsoft.AspNetCore.Routing.Patterns;
using Xunit;

namespace EdgeProxy.Tests.Yarp;

/// <summary>Which of several hosts a request belongs to.</summary>
public sealed class HostPolicyTests
{
    [Theory]
    [InlineData("shop.example:1234", "shop.example:1234")]
    [InlineData("shop.example:99", "shop.example")]
    [InlineData("shop.example", "shop.example")]
    [InlineData("SHOP.example:1234", "shop.example:1234")]
    public void A_host_with_its_port_goes_before_the_same_host_without_one(string host, string taken)
    {
        string[] hosts = ["shop.example", "shop.example:1234"];
        var policy = new HostPolicy();
        var edges = policy.GetEdges([.. hosts.Select(EndpointOf)]);
        var table = policy.BuildJumpTable(-1, [.. edges.Select((edge, place) => new PolicyJumpTableEdge(edge.State, place))]);
        var context = new DefaultHttpContext();
        context.Request.Host = new HostString(host);

        var destination = table.GetDestination(context);

        Assert.Contains(taken, edges[destination].Endpoints.Select(endpoint => endpoint.DisplayName));
    }

    private static Endpoint EndpointOf(string host) => new RouteEndpoint(
        _ => Task.CompletedTask, RoutePatternFactory.Parse("/"), 0, new EndpointMetadataCollection(new HostAttribute(host)), host);
}
