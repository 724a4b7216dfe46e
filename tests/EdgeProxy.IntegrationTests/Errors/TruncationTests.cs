using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Errors;

/// <summary>An answer that an upstream does not finish is never taken for a finished one, whoever looks.</summary>
public sealed class TruncationTests
{
    public static TheoryData<string> Cut() => new()
    {
        "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + new string('a', 50_000),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n",
    };

    [Theory, MemberData(nameof(Cut))]
    public async Task A_truncated_answer_ends_in_a_reset_on_HTTP_1(string answer)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = Truncating(answer, seen.Task);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        await using var client = await RawHttp.ConnectAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        var head = await client.ReadUntilAsync(text => text.Contains("\r\n\r\n", StringComparison.Ordinal));
        seen.SetResult();
        var received = await client.ReadToEndAsync();

        Assert.StartsWith("HTTP/1.1 200 OK", head, StringComparison.Ordinal);
        Assert.DoesNotContain("\r\n0\r\n", received.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("problem+json", received.Text, StringComparison.Ordinal);
        Assert.True(received.WasReset);
    }

    [Theory, MemberData(nameof(Cut))]
    public async Task A_truncated_answer_ends_in_RST_STREAM_on_HTTP_2(string answer)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = Truncating(answer, seen.Task);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using var response = await edge.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        seen.SetResult();

        var cut = await Assert.ThrowsAnyAsync<HttpIOException>(async () =>
        {
            await using var body = await response.Content.ReadAsStreamAsync();
            await body.CopyToAsync(Stream.Null);
        });
        Assert.NotEqual(0, Assert.IsType<HttpProtocolException>(cut).ErrorCode);
    }

    private static RawUpstream Truncating(string answer, Task seen) => RawUpstream.Start(async connection =>
    {
        await connection.ReadHeadAsync();
        await connection.SendAsync(answer);

        // The end comes only once the client has seen the beginning: the response has begun for certain.
        await seen;
    });
}
