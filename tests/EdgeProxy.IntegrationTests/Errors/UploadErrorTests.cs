using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace EdgeProxy.IntegrationTests.Errors;

/// <summary>An upstream that takes a part of an upload and then neither reads nor answers.</summary>
public sealed class UploadErrorTests
{
    [Theory]
    [InlineData("1.1", true)]
    [InlineData("1.1", false)]
    [InlineData("2.0", true)]
    [InlineData("2.0", false)]
    public async Task An_upstream_that_stops_reading_is_a_write_timeout(string version, bool chunked)
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.StayAsync();
        });
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute(upstream.Address, cluster: "\"HttpRequest\": { \"ActivityTimeout\": \"1s\" }"));

        await ExpectAsync(edge, version, chunked);
    }

    [Fact]
    public async Task An_upstream_that_stops_reading_on_HTTP_2_is_a_write_timeout_too()
    {
        await using var upstream = await Upstream.StartAsync(
            context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted), HttpProtocols.Http2);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster:
            "\"HttpRequest\": { \"ActivityTimeout\": \"1s\", \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }"));

        await ExpectAsync(edge, "2.0", chunked: false);
    }

    private static async Task ExpectAsync(Edge edge, string version, bool chunked)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, "/")
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(new byte[29_000_000]), // more than all buffers on the way
        };
        request.Headers.TransferEncodingChunked = chunked ? true : null;

        using var answer = await edge.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Wait.Deadline);

        Assert.Equal(HttpStatusCode.GatewayTimeout, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Wait.Deadline);
        Assert.Equal("upstream_write_timeout", problem.GetProperty("code").GetString());
        Assert.True(problem.GetProperty("retryable").GetBoolean());
    }
}
