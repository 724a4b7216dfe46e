using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.Admin;
using EdgeProxy.Configuration;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Admin;

/// <summary>What the admin listener promises whatever is mounted on it.</summary>
public sealed class AdminListenerTests
{
    private static readonly string AnyRoute = Edge.OneRoute("http://127.0.0.1:1/");

    [Theory]
    [InlineData("/livez")]
    [InlineData("/readyz")]
    [InlineData("/metrics")]
    [InlineData("/v1/config")]
    public async Task HEAD_is_answered_as_GET_without_a_body(string path)
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));
        using var client = await RawClient.OpenAsync(edge.Admin.BaseAddress!);

        await client.SendAsync($"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal); // right behind it: no body
    }

    [Fact]
    public async Task Probes_and_metrics_are_open_and_all_else_wants_the_token()
    {
        await using var edge = await Edge.StartAsync(AnyRoute, token: "s3cret");

        Assert.Equal(HttpStatusCode.OK, (await edge.Admin.GetAsync("/livez")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await edge.Admin.GetAsync("/readyz")).StatusCode);
        foreach (var path in new[] { "/v1/config", "/openapi/v1.json", "/v1/no-such-thing" })
        {
            using var refused = await edge.Admin.GetAsync(path);
            Assert.Equal("Bearer", refused.Headers.WwwAuthenticate.Single().Scheme);
            await AssertProblemAsync(refused, HttpStatusCode.Unauthorized, "unauthenticated");
        }

        edge.Admin.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "s3cret");
        Assert.Equal(HttpStatusCode.OK, (await edge.Admin.GetAsync("/openapi/v1.json")).StatusCode);
        await AssertProblemAsync(await edge.Admin.GetAsync("/v1/no-such-thing"), HttpStatusCode.NotFound, "not_found");
    }

    [Fact]
    public async Task A_wrong_method_is_answered_in_the_one_error_format_with_allow()
    {
        await using var edge = await Edge.StartAsync(AnyRoute);

        using var answer = await edge.Admin.PostAsync("/livez", null);
        Assert.Equal(["GET"], answer.Content.Headers.Allow);
        await AssertProblemAsync(answer, HttpStatusCode.MethodNotAllowed, "method_not_allowed");
    }

    [Fact]
    public async Task A_handler_that_fails_and_a_body_beyond_the_bound_are_answered_in_the_one_error_format()
    {
        await using var edge = await Edge.StartAsync(AnyRoute);
        await using var admin = AdminListener.Create(edge.Services, new EdgeOptions { Admin = new() { Listen = "http://127.0.0.1:0" } });
        admin.MapPost("/v1/bug", string () => throw new InvalidOperationException("secret"));
        admin.MapPost("/v1/body", async (HttpContext context) => await context.Request.Body.CopyToAsync(Stream.Null));
        admin.MapPost("/v1/json", (Dictionary<string, int> numbers) => numbers);
        await admin.StartAsync(TestContext.Current.CancellationToken);
        using var client = new HttpClient { BaseAddress = new Uri(admin.Urls.First()) };

        await AssertProblemAsync(await client.PostAsync("/v1/bug", null), HttpStatusCode.InternalServerError, "internal_error");
        await AssertProblemAsync(
            await client.PostAsync("/v1/json", new StringContent("{", null, "application/json")),
            HttpStatusCode.BadRequest,
            "invalid_body");
        await AssertProblemAsync(
            await client.PostAsync("/v1/json", new StringContent("{}")),
            HttpStatusCode.UnsupportedMediaType,
            "unsupported_media_type");
        using var tooLarge = new HttpRequestMessage(HttpMethod.Post, "/v1/body")
        {
            Content = new ByteArrayContent(new byte[AdminListener.BodyBytesMax + 1]),
        };
        tooLarge.Headers.ExpectContinue = true;
        await AssertProblemAsync(await client.SendAsync(tooLarge), HttpStatusCode.RequestEntityTooLarge, "body_too_large");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_that_goes_or_is_cut_off_is_no_error_of_the_edge(bool goes)
    {
        await using var edge = await Edge.StartAsync(AnyRoute);
        await using var admin = AdminListener.Create(edge.Services, new EdgeOptions { Admin = new() { Listen = "http://127.0.0.1:0" } });
        var log = new Log();
        admin.Services.GetRequiredService<ILoggerFactory>().AddProvider(log);
        var (begun, ended) = (new TaskCompletionSource(), new TaskCompletionSource());
        admin.MapPost("/v1/body", async (HttpContext context) =>
        {
            begun.SetResult();
            try
            {
                await context.Request.Body.CopyToAsync(Stream.Null);
            }
            finally
            {
                ended.SetResult();
            }
        });
        await admin.StartAsync(TestContext.Current.CancellationToken);
        using var client = await RawClient.OpenAsync(new Uri(admin.Urls.First()));
        await client.SendAsync("POST /v1/body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n1");
        await begun.Task.WaitAsync(Wait.Patience);

        if (goes)
        {
            client.Reset();
            await ended.Task.WaitAsync(Wait.Patience);
        }

        await admin.StopAsync(new CancellationToken(canceled: true));
        await ended.Task.WaitAsync(Wait.Patience);
        Assert.Empty(log.Entries(LogLevel.Error));
    }

    [Theory]
    [InlineData("rebound.example", null, HttpStatusCode.BadRequest)]
    [InlineData("localhost", null, HttpStatusCode.OK)]
    [InlineData(null, "https://evil.example", HttpStatusCode.BadRequest)]
    [InlineData(null, null, HttpStatusCode.OK)]
    public async Task Without_a_token_a_web_page_cannot_reach_the_listener(string? host, string? origin, HttpStatusCode expected)
    {
        await using var edge = await Edge.StartAsync(AnyRoute);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/openapi/v1.json");
        request.Headers.Host = host;
        if (origin is not null)
        {
            request.Headers.Add("Origin", origin);
        }

        Assert.Equal(expected, (await edge.Admin.SendAsync(request)).StatusCode);
    }

    [Fact]
    public async Task Readiness_turns_503_with_the_reason_when_the_edge_drains()
    {
        await using var edge = await Edge.StartAsync(AnyRoute);

        edge.Services.GetRequiredService<Readiness>().MarkDraining();

        using var answer = await edge.Admin.GetAsync("/readyz");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal("draining\n", await answer.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.OK, (await edge.Admin.GetAsync("/livez")).StatusCode);
    }

    [Fact]
    public async Task Every_mounted_route_is_described_and_nothing_else()
    {
        await using var edge = await Edge.StartAsync(AnyRoute);
        await using var admin = AdminListener.Create(edge.Services, new EdgeOptions { Admin = new() { Listen = "http://127.0.0.1:0" } });
        var mounted = ((IEndpointRouteBuilder)admin).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .Where(endpoint => !endpoint.RoutePattern.RawText!.StartsWith("/openapi/", StringComparison.Ordinal))
            .SelectMany(endpoint => endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods
                .Select(method => $"{method} {endpoint.RoutePattern.RawText}"));

        var document = await edge.Admin.GetFromJsonAsync<JsonElement>("/openapi/v1.json");
        var operations = document.GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Select(operation => (path.Name, Method: operation.Name, operation.Value)))
            .ToList();

        Assert.Equal(mounted.Order(StringComparer.Ordinal),
            operations.Select(o => $"{o.Method.ToUpperInvariant()} {o.Name}").Order(StringComparer.Ordinal));
        Assert.All(operations, o => Assert.True(o.Value.TryGetProperty("summary", out _), $"{o.Method} {o.Name} has no summary"));
    }

    private static async Task AssertProblemAsync(HttpResponseMessage answer, HttpStatusCode status, string code)
    {
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal(code, (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
        Assert.Single(answer.Headers.GetValues("X-Request-Id"));
    }
}
