using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Requests;

/// <summary>The bounds of an upload on HTTP/2: they end a stream, never its connection.</summary>
public sealed class Http2UploadTests
{
    [Theory]
    [InlineData(false, 413, "body_too_large")]
    [InlineData(true, 408, "request_timeout")]
    public async Task An_upload_too_large_or_too_slow_ends_alone(bool slow, int status, string code)
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            if (context.Request.Path == "/beside")
            {
                await context.Response.WriteAsync("first ");
                await release.Task;
            }

            await context.Request.Body.CopyToAsync(Stream.Null);
            await context.Response.WriteAsync("last");
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"MaxRequestBodySize\": 10"));
        using var handler = new SocketsHttpHandler();
        using var client = new HttpClient(handler) { BaseAddress = edge.Uri };
        var connections = 0;
        handler.ConnectCallback = async (context, cancellation) =>
        {
            Interlocked.Increment(ref connections);
            var socket = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
            await socket.ConnectAsync(context.DnsEndPoint, cancellation);
            return new System.Net.Sockets.NetworkStream(socket, ownsSocket: true);
        };
        using var beside = await SendAsync(client, HttpMethod.Get, "/beside", null);

        using var upload = new Stalling(slow ? 1 : 11);
        using var refused = await SendAsync(client, HttpMethod.Post, "/", upload);

        Assert.Equal(status, (int)refused.StatusCode);
        Assert.EndsWith($"; details=\"{code}\"", Assert.Single(refused.Headers.GetValues("Proxy-Status")), StringComparison.Ordinal);
        upload.GoOn.TrySetResult();
        release.SetResult();
        Assert.Equal("first last", await beside.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal(1, connections);
    }

    private static Task<HttpResponseMessage> SendAsync(HttpClient client, HttpMethod method, string path, HttpContent? content) =>
        client.SendAsync(
            new HttpRequestMessage(method, path)
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = content,
            },
            HttpCompletionOption.ResponseHeadersRead,
            Wait.Deadline);

    /// <summary>A body that begins and then waits for the test.</summary>
    private sealed class Stalling(int bytes) : HttpContent
    {
        public TaskCompletionSource GoOn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(new byte[bytes]);
            await stream.FlushAsync();
            await GoOn.Task.WaitAsync(Wait.Patience);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = -1;
            return false;
        }
    }
}
