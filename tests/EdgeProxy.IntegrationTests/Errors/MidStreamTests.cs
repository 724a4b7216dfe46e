using EdgeProxy.IntegrationTests.Metrics;
using EdgeProxy.IntegrationTests.Peers;
using EdgeProxy.IntegrationTests.Protocols;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace EdgeProxy.IntegrationTests.Errors;

/// <summary>An answer that breaks off after its beginning, in each way that there is: nobody takes it for a whole one.</summary>
public sealed class MidStreamTests
{
    private const string Http2 = "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }";
    private const string ShortIdle = "\"Timeouts\": { \"Idle\": \"500ms\" }";

    public static TheoryData<string, string> Ends()
    {
        var ends = new TheoryData<string, string>();
        foreach (var end in new[] { "reset with a length", "reset in chunks", "reset without a length", "silence", "HTTP/2" })
        {
            ends.Add(end, "1.1");
            ends.Add(end, "2.0");
        }

        return ends;
    }

    [Theory, MemberData(nameof(Ends))]
    public async Task The_client_sees_a_reset_and_the_failure_is_counted_under_its_code(string end, string version)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var raw = Resetting(end, seen.Task);
        await using var http2 = await Upstream.StartAsync(
            async context =>
            {
                await context.Response.WriteAsync("beginning");
                await context.Response.Body.FlushAsync();
                await seen.Task;
                context.Abort();
            }, HttpProtocols.Http2);
        await using var edge = await Edge.StartAsync(end switch
        {
            "HTTP/2" => Edge.OneRoute(http2.Address, cluster: Http2),
            "silence" => Edge.OneRoute(raw.Address, cluster: ShortIdle),
            _ => Edge.OneRoute(raw.Address),
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, "/")
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using var answer = await edge.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Wait.Deadline);
        await using var body = await answer.Content.ReadAsStreamAsync();
        var beginning = new byte[9];
        await body.ReadExactlyAsync(beginning, Wait.Deadline);
        seen.SetResult();

        var cut = await Assert.ThrowsAnyAsync<IOException>(() => body.CopyToAsync(Stream.Null, Wait.Deadline));
        Assert.Equal("beginning"u8.ToArray(), beginning);
        if (version == "2.0")
        {
            Assert.NotEqual(0, ((cut as HttpProtocolException) ?? (HttpProtocolException)cut.InnerException!).ErrorCode);
        }

        var code = end == "silence" ? "upstream_idle_timeout" : "upstream_response_truncated";
        await Scrape.UntilAsync(edge, $"edgeproxy_errors_total{{code=\"{code}\",route=\"all\"}}", 1);
        await Scrape.UntilAsync(
            edge, "edgeproxy_requests_total{route=\"all\",method=\"GET\",code=\"200\",made_by=\"upstream\"}", 1);
    }

    /// <summary>A message and no status behind it, or no gRPC at all.</summary>
    [Theory]
    [InlineData("no trailers")]
    [InlineData("no trailers and no message")]
    [InlineData("an HTML page")]
    [InlineData("a reset")]
    public async Task A_gRPC_call_that_is_not_answered_as_such_is_never_OK(string answer)
    {
        await using var upstream = await Upstream.StartAsync(
            async context =>
            {
                await context.Request.Body.CopyToAsync(Stream.Null);
                context.Response.ContentType = answer == "an HTML page" ? "text/html" : "application/grpc";
                context.Response.StatusCode = answer == "an HTML page" ? 503 : 200;
                if (answer != "no trailers and no message")
                {
                    await context.Response.Body.WriteAsync(new byte[] { 0, 0, 0, 0, 0 });
                    await context.Response.Body.FlushAsync();
                }

                if (answer == "a reset")
                {
                    context.Abort();
                }
            }, HttpProtocols.Http2);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: Http2), listen: Edge.Http2Only);
        using var channel = GrpcChannel.ForAddress(edge.Address);

        var failure = await Assert.ThrowsAsync<RpcException>(async () => await new Talk.TalkClient(channel).OnceAsync(
            new Words { Text = "hi" }, cancellationToken: Wait.Deadline));

        Assert.NotEqual(StatusCode.OK, failure.StatusCode);
        if (answer == "an HTML page")
        {
            Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
        }
    }

    private static RawUpstream Resetting(string end, Task seen) => RawUpstream.Start(async connection =>
    {
        await connection.ReadHeadAsync();
        await connection.SendAsync("HTTP/1.1 200 OK\r\n" + end switch
        {
            "reset in chunks" => "Transfer-Encoding: chunked\r\n\r\n9\r\nbeginning\r\n",
            "reset without a length" => "Connection: close\r\n\r\nbeginning",
            _ => "Content-Length: 100\r\n\r\nbeginning",
        });
        if (end == "silence")
        {
            await connection.StayAsync();
        }

        await seen;
        connection.Reset();
    });
}
