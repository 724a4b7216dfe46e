using System.Text.RegularExpressions;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Errors;

/// <summary>`NormalizeUpstreamErrors` takes the body's place and leaves what tells a client what to do next.</summary>
public sealed class NormalisedFieldTests
{
    private const string Route = "\"NormalizeUpstreamErrors\": \"NonConforming\"";

    [Theory]
    [InlineData("416 Range Not Satisfiable", "Content-Range", "bytes */1234")]
    [InlineData("426 Upgrade Required", "Sec-WebSocket-Version", "13")]
    [InlineData("415 Unsupported Media Type", "Accept-Patch", "application/merge-patch+json")]
    [InlineData("415 Unsupported Media Type", "Accept-Post", "application/json")]
    [InlineData("412 Precondition Failed", "ETag", "\"v2\"")]
    [InlineData("412 Precondition Failed", "Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")]
    [InlineData("409 Conflict", "Upload-Offset", "70")]
    [InlineData("503 Service Unavailable", "Link", "<https://status.example>; rel=\"status\"")]
    [InlineData("402 Payment Required", "Strict-Transport-Security", "max-age=1")]
    [InlineData("429 Too Many Requests", "X-Anything-Else", "1")]
    public async Task A_field_that_is_not_of_the_body_stays(string status, string name, string value)
    {
        var answer = await AskAsync(Route, $"HTTP/1.1 {status}\r\n{name}: {value}\r\nContent-Length: 2\r\n\r\nno");
        Assert.Equal([value], Values(answer, name));
        Assert.Equal(["application/problem+json"], Values(answer, "Content-Type"));
    }

    [Fact]
    public async Task Fields_of_the_body_go_with_it()
    {
        var answer = await AskAsync(Route, "HTTP/1.1 500 No\r\n"
            + "Content-Encoding: br\r\nContent-Language: de\r\nContent-Disposition: attachment\r\n"
            + "Content-Digest: sha-256=:x:\r\nContent-Location: /x\r\nCache-Control: max-age=60\r\nExpires: 0\r\nAge: 5\r\nVary: Origin\r\n"
            + "Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n");
        string[] gone =
        [
            "Content-Encoding", "Content-Language", "Content-Disposition", "Content-Digest", "Content-Location", "Expires", "Age",
            "Transfer-Encoding",
        ];
        Assert.All(gone, name => Assert.Empty(Values(answer, name)));
        Assert.Equal(["no-store"], Values(answer, "Cache-Control"));
        Assert.Equal("Origin,Accept", string.Join(',', Values(answer, "Vary")));
        Assert.Single(Values(answer, "Content-Length"));
    }

    [Theory]
    [InlineData("")]
    [InlineData(Route)]
    public async Task A_426_says_which_protocol_it_asks_for(string route)
    {
        var answer = await AskAsync(route, "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
            + "Sec-WebSocket-Version: 13\r\nContent-Length: 2\r\n\r\nno");
        Assert.Equal(["websocket"], Values(answer, "Upgrade"));
        Assert.Contains("Upgrade", Assert.Single(Values(answer, "Connection")), StringComparison.OrdinalIgnoreCase);
    }

    private static async Task<string> AskAsync(string route, string response)
    {
        await using var upstream = RawUpstream.Answering(response);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, route));
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: e\r\n\r\n");
        return await client.ReadHeadAsync();
    }

    private static string[] Values(string head, string name) => [.. Regex
        .Matches(head, $"^{Regex.Escape(name)}: ?(.*?)\r?$", RegexOptions.Multiline | RegexOptions.IgnoreCase)
        .Select(line => line.Groups[1].Value)];
}
