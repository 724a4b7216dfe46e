using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using EdgeProxy.Configuration;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EdgeProxy.IntegrationTests.Configuration;

/// <summary>Asking a running edge about its configuration, and about a document.</summary>
public sealed class ConfigurationAdminTests
{
    private static readonly string AnyRoute = Edge.OneRoute("http://127.0.0.1:1/");

    [Theory]
    [InlineData("application/json")]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")] // what curl says when nobody tells it otherwise
    [InlineData(null)]
    public async Task A_document_is_checked_whatever_its_media_type_and_applied_never(string? mediaType)
    {
        await using var edge = await Edge.StartAsync(AnyRoute);
        var before = edge.Services.GetRequiredService<Revisions>().Current.Id;

        Assert.True((await CheckAsync(edge, $"{{ {AnyRoute} }}", mediaType)).GetProperty("valid").GetBoolean());
        Assert.False((await CheckAsync(edge, "{", mediaType)).GetProperty("valid").GetBoolean());

        Assert.Equal(before, edge.Services.GetRequiredService<Revisions>().Current.Id);
    }

    [Fact]
    public async Task A_check_tells_nothing_of_files()
    {
        await using var edge = await Edge.StartAsync(AnyRoute);
        var answers = new List<string>();
        foreach (var path in new[] { Path.Combine(edge.Folder, "edgeproxy.json"), Path.Combine(edge.Folder, "no-such-file") })
        {
            var listener = $$"""{ "Url": "https://127.0.0.1:0", "Certificates": [ { "Path": "{{path}}" } ] }""";
            answers.Add((await CheckAsync(edge, Edge.Document(AnyRoute, listen: listener), "application/json")).GetRawText());
        }

        Assert.Equal("""{"valid":true,"faults":[]}""", answers[0]);
        Assert.Equal(answers[0], answers[1]);
    }

    [Fact]
    public async Task One_document_is_checked_at_a_time()
    {
        await using var edge = await Edge.StartAsync(AnyRoute);
        using var enough = new CancellationTokenSource();
        using var endless = new EndlessBody(1, TimeSpan.FromMilliseconds(20));
        var first = edge.Admin.PostAsync("/v1/config/check", endless, enough.Token);

        await Wait.UntilAsync(
            async () =>
            {
                using var content = new StringContent("{");
                using var second = await edge.Admin.PostAsync("/v1/config/check", content);
                var answer = await second.Content.ReadFromJsonAsync<JsonElement>();
                return second.StatusCode == HttpStatusCode.ServiceUnavailable && answer.GetProperty("code").GetString() == "overloaded";
            },
            "the second document is refused while the first is read");
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
    }

    [Fact]
    public async Task A_cluster_that_does_not_exist_is_not_a_route_that_does_not_match()
    {
        await using var edge = await Edge.StartAsync(AnyRoute);

        using var answer = await edge.Admin.GetAsync("/v1/clusters/unknown");

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("not_found", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
    }

    private static async Task<JsonElement> CheckAsync(Edge edge, string document, string? mediaType)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(document));
        content.Headers.ContentType = mediaType is null ? null : new MediaTypeHeaderValue(mediaType);
        using var answer = await edge.Admin.PostAsync("/v1/config/check", content);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }
}
