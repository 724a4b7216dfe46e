using System.Net;
using EdgeProxy.AccessLog;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EdgeProxy.IntegrationTests.Errors;

/// <summary>A bug inside the edge, which no request can bring about, in a server that has one.</summary>
public sealed class InternalErrorTests
{
    [Fact]
    public async Task A_bug_before_the_answer_is_a_500_that_says_nothing_of_it()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));
        using var readings = new Readings(edge);
        await using var server = await StartAsync(edge, _ => throw new InvalidOperationException("secret"));

        var answer = await RawClient.ExchangeAsync(
            new Uri(server.Urls.First()), "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

        Assert.Equal(500, answer.Status);
        Assert.Equal("internal_error", answer.Code);
        Assert.Contains("error=proxy_internal_error; details=\"internal_error\"", answer.Head, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", answer.Text, StringComparison.Ordinal);
        Assert.Equal(1, readings["edgeproxy_errors_total{code=internal_error,route=(none)}"]);
    }

    [Fact]
    public async Task A_bug_inside_the_answer_cuts_it()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));
        var read = new TaskCompletionSource();
        await using var server = await StartAsync(edge, async context =>
        {
            await context.Response.WriteAsync("begun");
            await read.Task;
            throw new InvalidOperationException("secret");
        });

        using var client = await RawClient.OpenAsync(new Uri(server.Urls.First()));
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        await client.ReadUntilAsync("begun\r\n");
        read.SetResult();
        Assert.Equal(new RawAnswer("", WasReset: true), await client.ReadToEndAsync());
    }

    /// <summary>The outermost part of the edge's pipeline, around <paramref name="bug"/>.</summary>
    private static async Task<WebApplication> StartAsync(Edge edge, RequestDelegate bug)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(edge.Services.GetRequiredService<Revisions>());
        builder.Services.AddSingleton(edge.Services.GetRequiredService<ErrorMetrics>());
        builder.Services.AddSingleton(edge.Services.GetRequiredService<FailureLog>());
        builder.Services.AddSingleton(edge.Services.GetRequiredService<RequestRecorder>());
        var app = builder.Build();
        app.UseMiddleware<EdgeContextMiddleware>();
        app.UseMiddleware<ErrorMiddleware>();
        app.Run(bug);
        await app.StartAsync();
        return app;
    }
}
