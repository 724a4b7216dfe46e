using System.Diagnostics;
using System.Net;
using System.Text.Json;
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
        using var client = new Http2Client(edge);
        using var beside = await client.SendAsync(HttpMethod.Get, "/beside");

        using var upload = new Stalling(slow ? 1 : 11);
        using var refused = await client.SendAsync(HttpMethod.Post, "/", upload);

        Assert.Equal(status, (int)refused.StatusCode);
        Assert.EndsWith($"; details=\"{code}\"", Assert.Single(refused.Headers.GetValues("Proxy-Status")), StringComparison.Ordinal);
        upload.GoOn.TrySetResult();
        release.SetResult();
        Assert.Equal("first last", await beside.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal(1, client.Connections);
    }

    /// <summary>The client does not stop to look: it sends until it is told that nobody listens.</summary>
    [Theory]
    [InlineData(16_384, 0, "body_too_large", 413)]
    [InlineData(1, 200, "request_timeout", 408)]
    public async Task A_client_that_uploads_on_gets_the_whole_answer_and_keeps_its_connection(int piece, int pause, string code, int status)
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            await context.Response.WriteAsync($"{body.Length}");
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"MaxRequestBodySize\": 200000"));
        using var client = new Http2Client(edge);

        for (var round = 0; round < (pause == 0 ? 10 : 1); round++) // what is refused uses up no window of the connection
        {
            using var refused = await client.SendAsync(
                HttpMethod.Post, "/", new EndlessBody(piece, TimeSpan.FromMilliseconds(pause)));

            Assert.Equal(status, (int)refused.StatusCode);
            var text = await refused.Content.ReadAsStringAsync(Wait.Deadline);
            Assert.Equal(code, JsonDocument.Parse(text).RootElement.GetProperty("code").GetString());
            Assert.Equal(refused.Content.Headers.ContentLength, text.Length);
        }

        using var beside = await client.SendAsync(HttpMethod.Post, "/", new ByteArrayContent(new byte[150_000]));
        Assert.Equal("150000", await beside.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal(1, client.Connections);
    }

    /// <summary>curl 7.88 loses an answer that comes together with the reset of its stream.</summary>
    [Theory]
    [InlineData("\"MaxRequestBodySize\": 200000", "body_too_large", 413)]
    [InlineData("\"RateLimits\": [ \"none\" ]", "rate_limited", 429)]
    [InlineData("\"RequireClient\": true", "unauthenticated", 401)]
    [InlineData("\"Match\": { \"Path\": \"/elsewhere\" }", "route_not_found", 404)]
    [InlineData("\"ClusterId\": \"gone\"", "upstream_connection_refused", 502)]
    public async Task Curl_reads_an_early_answer_while_it_uploads(string key, string code, int status)
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await context.Response.WriteAsync("fine");
        });
        var cluster = key.StartsWith("\"ClusterId\"", StringComparison.Ordinal) ? "" : "\"ClusterId\": \"up\",";
        var match = key.StartsWith("\"Match\"", StringComparison.Ordinal) ? "" : ", \"Match\": { \"Path\": \"/{**rest}\" }";
        await using var edge = await Edge.StartAsync($$"""
            "RateLimits": { "none": { "Per": "Client", "Limits": [ { "Name": "h", "Capacity": 1, "Refill": 1, "Every": "59m" } ] } },
            "ReverseProxy": {
              "Routes": { "all": { {{cluster}} {{key}} {{match}} } },
              "Clusters": { "up": { "Destinations": { "a": { "Address": "{{upstream.Address}}" } } },
                            "gone": { "Destinations": { "a": { "Address": "http://127.0.0.1:1/" } } } }
            }
            """);
        if (status == 429)
        {
            await edge.Client.GetAsync("/");
        }

        var file = Path.Combine(edge.Folder, "upload.bin");
        await File.WriteAllBytesAsync(file, new byte[20_000_000]);
        for (var round = 0; round < 3; round++)
        {
            using var curl = Process.Start(new ProcessStartInfo("curl",
            [
                "-s", "--http2-prior-knowledge", "-T", file, "-w", " %{http_code} %{exitcode}", edge.Address + "/",
            ])
            {
                RedirectStandardOutput = true,
            })!;
            var output = await curl.StandardOutput.ReadToEndAsync(Wait.Deadline);
            await curl.WaitForExitAsync(Wait.Deadline);

            Assert.Matches($"^\\{{.*\"code\":\"{code}\".*\\}} {status} 0$", output);
        }
    }

    [Fact]
    public async Task A_refused_body_that_is_whole_at_once_costs_no_moment()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/", "\"RequireClient\": true"));
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);
        await client.SendAsync(RawHttp2.Headers, RawHttp2.EndHeaders, 1,
            RawHttp2.Block((":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a")));
        await client.SendAsync(RawHttp2.Data, RawHttp2.EndStream, 1, [1]);

        // A stream that the client has ended is ended by a flag of the answer, and no reset follows.
        await client.ReadEndAsync(1);
        await client.GetAsync(3);
        await client.ReadEndAsync(3);
    }

    /// <summary>
    /// All streams but one are full and nobody reads them: they wait for a place. What the last one sends is more than half of the
    /// connection's window, so that it needs what it has sent to be given back.
    /// </summary>
    [Fact]
    public async Task Stalled_uploads_leave_the_window_of_their_connection_to_another_upload()
    {
        const int Stalled = 99, Bytes = 30_000_000;
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            if (context.Request.Path == "/stuck")
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
            }

            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            await context.Response.WriteAsync($"{body.Length}");
        });
        await using var edge = await Edge.StartAsync($$"""
            "ReverseProxy": {
              "Routes": { "stuck": { "ClusterId": "up", "Match": { "Path": "/stuck" }, 
                                     "Concurrency": { "Max": 1, "Queue": 200, "QueueTimeout": "1m" } },
                          "good": { "ClusterId": "up", "Match": { "Path": "/good" } } },
              "Clusters": { "up": { "Destinations": { "a": { "Address": "{{upstream.Address}}" } } } }
            }
            """);
        using var client = new Http2Client(edge);
        using var over = new CancellationTokenSource();
        var begun = 0;
        for (var i = 0; i < Stalled; i++)
        {
            _ = client.SendAsync(HttpMethod.Post, "/stuck", new Told(2_000_000, () => Interlocked.Increment(ref begun)), over.Token);
        }

        await Wait.UntilAsync(() => Volatile.Read(ref begun) == Stalled && upstream.Hits == 1, "all uploads have begun");
        using var good = await client.SendAsync(HttpMethod.Post, "/good", new ByteArrayContent(new byte[Bytes]));

        Assert.Equal($"{Bytes}", await good.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal(1, client.Connections);
        await over.CancelAsync();
    }

    /// <summary>A body whose beginning is told.</summary>
    private sealed class Told(int bytes, Action begun) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            begun();
            await stream.WriteAsync(new byte[bytes]);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = bytes;
            return true;
        }
    }

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
