using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Errors;

/// <summary>What the edge itself refuses: the forms of an answer, and the fields on it.</summary>
public sealed class EdgeErrorTests
{
    private const string OneMethod = """
        "ReverseProxy": {
          "Routes": { "only": { "ClusterId": "up", "Match": { "Path": "/only", "Methods": [ "GET", "PUT" ] } } },
          "Clusters": { "up": { "Destinations": { "a": { "Address": "http://127.0.0.1:1/" } } } }
        }
        """;

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_path_that_no_route_takes_is_a_404(string version)
    {
        await using var edge = await Edge.StartAsync(OneMethod);

        using var answer = await SendAsync(edge, HttpMethod.Get, "/elsewhere", version);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("route_not_found", await CodeAsync(answer));
        Assert.Equal("Accept", Assert.Single(answer.Headers.Vary));
        Assert.Equal(
            "edgeproxy; error=destination_not_found; details=\"route_not_found\"", Assert.Single(answer.Headers.GetValues("Proxy-Status")));
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_method_that_the_route_does_not_take_is_a_405_that_lists_those_it_does(string version)
    {
        await using var edge = await Edge.StartAsync(OneMethod);

        using var answer = await SendAsync(edge, HttpMethod.Delete, "/only", version);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal("method_not_allowed", await CodeAsync(answer));
        Assert.Equal(["GET", "PUT"], answer.Content.Headers.Allow.Order());
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_method_outside_the_registry_is_a_501(string version)
    {
        await using var edge = await Edge.StartAsync(OneMethod);

        using var answer = await SendAsync(edge, HttpMethod.Trace, "/only", version);

        Assert.Equal(HttpStatusCode.NotImplemented, answer.StatusCode);
        Assert.Equal("method_not_supported", await CodeAsync(answer));
    }

    [Fact]
    public async Task A_browser_gets_a_page()
    {
        await using var edge = await Edge.StartAsync(OneMethod);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/elsewhere");
        request.Headers.TryAddWithoutValidation("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

        using var answer = await edge.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("text/html", answer.Content.Headers.ContentType?.MediaType);
        Assert.Contains("<h1>No route matches</h1>", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains("details=\"route_not_found\"", Assert.Single(answer.Headers.GetValues("Proxy-Status")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refused_request_of_a_grpc_client_on_HTTP_1_is_answered_in_its_way_too()
    {
        await using var edge = await Edge.StartAsync(OneMethod);
        using var content = new ByteArrayContent([]) { Headers = { ContentType = new("application/grpc-web") } };

        using var answer = await edge.Client.PostAsync("/elsewhere", content);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("12", Assert.Single(answer.Headers.GetValues("grpc-status")));
        Assert.Equal("route_not_found", Assert.Single(answer.Headers.GetValues("edge-error-code")));
        Assert.Equal("application/grpc-web", answer.Content.Headers.ContentType?.MediaType);
    }

    private static async Task<string?> CodeAsync(HttpResponseMessage answer) =>
        (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString();

    private static async Task<HttpResponseMessage> SendAsync(Edge edge, HttpMethod method, string path, string version)
    {
        using var request = new HttpRequestMessage(method, path)
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        return await edge.Client.SendAsync(request);
    }
}
