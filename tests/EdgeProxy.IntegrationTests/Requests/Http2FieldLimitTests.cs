using System.Net;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Requests;

/// <summary>Far too many fields, and far too large ones, over HTTP/2: the one shape, counted, and other streams go on.</summary>
public sealed class Http2FieldLimitTests
{
    [Theory]
    [InlineData(120, 1, "too_many_headers")]
    [InlineData(500, 1, "too_many_headers")]
    [InlineData(2000, 1, "too_many_headers")]
    [InlineData(1, 36_000, "header_too_large")]
    [InlineData(3, 40_000, "header_too_large")]
    [InlineData(1, 110_000, "header_too_large")]
    public async Task Too_much_is_a_431_in_the_one_shape(int count, int length, string code)
    {
        await using var upstream = await Upstream.StartAsync("fine");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var readings = new Readings(edge);
        using var client = new Http2Client(edge);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        for (var i = 0; i < count; i++)
        {
            request.Headers.Add($"x-{i}", new string('v', length));
        }

        using var refused = await client.SendAsync(request);

        Assert.Equal(HttpStatusCode.RequestHeaderFieldsTooLarge, refused.StatusCode);
        var body = JsonDocument.Parse(await refused.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal(code, body.RootElement.GetProperty("code").GetString());
        Assert.Equal(1, readings[$"edgeproxy_errors_total{{code={code},route=(none)}}"]);
        using var beside = await client.SendAsync(HttpMethod.Get, "/");
        Assert.Equal(HttpStatusCode.OK, beside.StatusCode);
        Assert.Equal(1, client.Connections);
    }
}
