using EdgeProxy.IntegrationTests.Peers;

namespace EdgeProxy.IntegrationTests.Errors;

/// <summary>Upstreams that fail in one way each, by the code that the failure is known under.</summary>
internal static class Faulty
{
    public const string Http1 = "\"HttpRequest\": { \"Version\": \"1.1\" }";

    public static RawUpstream Upstream(string fault) => fault switch
    {
        "closes" => RawUpstream.Start(async connection => await connection.ReadHeadAsync()),
        "resets" => RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            connection.Reset();
        }),
        "closes in the head" => Once("HTTP/1.1 200 OK\r\nX-Half: "),
        "answers rubbish" => Once("this is not HTTP\r\n\r\n"),
        "answers a bad length" => Once("HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello"),
        "answers two lengths" => Once("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
        "answers a bad chunk" => Once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n0\r\n\r\n"),
        "answers with status 999" => Once("HTTP/1.1 999 Odd\r\nX-Upstream: y\r\nContent-Length: 0\r\n\r\n"),
        "answers in a coding" => Once("HTTP/1.1 200 OK\r\nX-Upstream: y\r\nTransfer-Encoding: gzip\r\n\r\nhello"),
        "answers huge fields" => Once("HTTP/1.1 200 OK\r\nX-Huge: " + new string('a', 200_000) + "\r\n\r\n"),
        "ends before the body" => Once("HTTP/1.1 200 OK\r\nX-Upstream: y\r\nContent-Length: 10\r\n\r\n"),
        "is silent" => RawUpstream.Start(async connection => await connection.DrainAsync()),
        "stalls after the head" => RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
            await connection.DrainAsync();
        }),
        _ => throw new ArgumentOutOfRangeException(nameof(fault), fault, null),
    };

    /// <summary>Answers once the request is through: an answer that comes before is another matter.</summary>
    private static RawUpstream Once(string answer) => RawUpstream.Start(async connection =>
    {
        if (await connection.ReadHeadAsync() is { } head && head.Contains("Content-Length: 5", StringComparison.OrdinalIgnoreCase))
        {
            await connection.ReadExactlyAsync(5);
        }

        await connection.SendAsync(answer);
    });
}
