using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Yarp;

/// <summary>References of a destination behind a prefix that the edge takes away.</summary>
public sealed class LocationTests
{
    [Theory]
    [InlineData("", "/login", "/login")] // off by default
    [InlineData("\"RewriteLocation\": true,", "/login", "/app/login")]
    [InlineData("\"RewriteLocation\": true,", "UPSTREAM/login?a=%2F", "/app/login?a=%2F")]
    [InlineData("\"RewriteLocation\": true,", "http://edge.test/login", "http://edge.test/app/login")]
    [InlineData("\"RewriteLocation\": true,", "https://elsewhere.example/", "https://elsewhere.example/")]
    public async Task A_redirect_leads_through_the_edge_where_the_route_says_so(string key, string location, string expected)
    {
        foreach (var more in new[] { "", ", { \"ResponseHeadersAllowed\": \"Location;Content-Location\" }" })
        {
            var address = "";
            await using var upstream = RawUpstream.Start(async connection =>
            {
                await connection.ReadHeadAsync();
                var place = location.Replace("UPSTREAM/", address, StringComparison.Ordinal);
                await connection.SendAsync(
                    $"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Location: {place}\r\nContent-Length: 0\r\n\r\n");
            });
            address = upstream.Address;
            await using var edge = await Edge.StartAsync(Edge.OneRoute(
                address, $"{key} \"Transforms\": [ {{ \"PathRemovePrefix\": \"/app\" }} {more} ]"));
            using var client = await RawClient.OpenAsync(edge.Uri);
            await client.SendAsync("GET /app/x HTTP/1.1\r\nHost: edge.test\r\n\r\n");
            var head = await client.ReadHeadAsync();
            Assert.Contains($"\r\nLocation: {expected}\r\n", head, StringComparison.Ordinal);
            Assert.Contains($"\r\nContent-Location: {expected}\r\n", head, StringComparison.Ordinal);
        }
    }
}
