using System.Net.Sockets;
using System.Text;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>A destination that answers while the body is still on its way is heard at once.</summary>
public sealed class EarlyAnswerTests
{
    private const string TooLarge = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large";
    private const string Hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.js>; rel=preload\r\n\r\n";
    private static readonly string ManyHints = string.Concat(Enumerable.Repeat(Hints, 100)); // more than one buffer
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public enum Manner
    {
        /// <summary>Answers, then reads what still comes.</summary>
        ReadsOn,

        /// <summary>Answers and reads no more, but keeps the connection.</summary>
        StopsReading,

        /// <summary>Answers and closes, which resets the connection.</summary>
        Closes,
    }

    public static TheoryData<Manner, bool, bool> Cases()
    {
        var cases = new TheoryData<Manner, bool, bool>();
        foreach (var manner in Enum.GetValues<Manner>())
        {
            foreach (var chunked in new[] { false, true })
            {
                cases.Add(manner, chunked, false);
                cases.Add(manner, chunked, true);
            }
        }

        return cases;
    }

    [Theory, MemberData(nameof(Cases))]
    public async Task An_early_refusal_reaches_the_client_while_its_upload_still_runs(Manner manner, bool chunked, bool warm)
    {
        await using var upstream = RawUpstream.Start(connection => RefuseAsync(connection, manner));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var readings = new Readings(edge);
        if (warm)
        {
            await edge.Client.GetStringAsync("/warm-up");
        }

        using var client = await ConnectAsync(edge);
        var stream = client.GetStream();
        await stream.WriteAsync(Head(chunked));
        var upload = SendForEverAsync(stream, chunked); // the client does not stop to look

        var answer = await ReadAsync(stream, "too large");
        Assert.StartsWith("HTTP/1.1 413 ", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Connection: close\r\nConnection", answer);
        Assert.Equal(1, readings["edgeproxy_attempts_total{cluster=up,outcome=ok}"] - (warm ? 1 : 0));
        client.Close();
        await upload;

        // The connection that broke off an upload is not used again, and the edge serves on.
        Assert.Equal("hi", await edge.Client.GetStringAsync("/warm-up"));
    }

    public static TheoryData<string, bool, bool> Pieces()
    {
        var cases = new TheoryData<string, bool, bool>();
        foreach (var pieces in new[]
        {
            "bytes", TooLarge[..9] + "|" + TooLarge[9..], TooLarge[..11] + "|" + TooLarge[11..], Hints + "|" + TooLarge, Hints + TooLarge,
            "HTTP/1.1 102 Processing\r\n\r\n|" + Hints + "|" + TooLarge, "HTTP/1.1 100 Continue\r\n\r\n|" + TooLarge,
            ManyHints + "|" + TooLarge, ManyHints + TooLarge,
        })
        {
            cases.Add(pieces, false, false);
            cases.Add(pieces, false, true);
            cases.Add(pieces, true, false);
            cases.Add(pieces, true, true);
        }

        return cases;
    }

    [Theory, MemberData(nameof(Pieces))]
    public async Task An_early_refusal_reaches_the_client_in_whatever_pieces_and_behind_interim_answers(
        string pieces, bool closes, bool warm)
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            while (await connection.ReadHeadAsync() is { } head && head.Contains("/warm-up"))
            {
                await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
            }

            foreach (var piece in pieces == "bytes" ? TooLarge.Select(one => one.ToString()) : pieces.Split('|'))
            {
                await connection.SendAsync(piece);
                await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Wait.Deadline);
            }

            await (closes ? Task.CompletedTask : connection.DrainAsync());
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var readings = new Readings(edge);
        if (warm)
        {
            await edge.Client.GetStringAsync("/warm-up");
        }

        using var client = await ConnectAsync(edge);
        var stream = client.GetStream();
        await stream.WriteAsync(Head(chunked: false));
        var upload = SendForEverAsync(stream, chunked: false);

        Assert.StartsWith("HTTP/1.1 413 ", await ReadAsync(stream, "too large"), StringComparison.Ordinal);
        client.Close();
        await upload;
        Assert.Equal(1, readings["edgeproxy_attempts_total{cluster=up,outcome=ok}"] - (warm ? 1 : 0));
    }

    [Theory, InlineData("GET", ""), InlineData("POST", "hello")]
    public async Task Interim_answers_are_no_silence(string method, string body)
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            for (var number = 0; number < 8; number++)
            {
                await connection.SendAsync("HTTP/1.1 102 Processing\r\n\r\n");
                await Task.Delay(TimeSpan.FromMilliseconds(400), TimeProvider.System, Wait.Deadline);
            }

            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: "\"Timeouts\": { \"Idle\": \"2s\" }"));
        using var request = new HttpRequestMessage(new HttpMethod(method), "/");
        request.Content = body.Length == 0 ? null : new StringContent(body);

        using var answer = await edge.Client.SendAsync(request, Wait.Deadline);

        Assert.Equal("done", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_connection_that_closes_after_an_interim_answer_is_not_stale()
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            while (await connection.ReadHeadAsync() is { } head)
            {
                if (!head.Contains("/warm-up"))
                {
                    await connection.SendAsync(Hints);
                    return;
                }

                await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        await edge.Client.GetStringAsync("/warm-up");

        Assert.Equal(System.Net.HttpStatusCode.BadGateway, (await edge.Client.GetAsync("/")).StatusCode);
        Assert.Single(upstream.Heads, head => !head.Contains("/warm-up"));
    }

    [Fact]
    public async Task An_early_refusal_ends_the_request_although_the_client_has_fallen_silent()
    {
        await using var upstream = RawUpstream.Start(connection => RefuseAsync(connection, Manner.ReadsOn));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await ConnectAsync(edge);
        var stream = client.GetStream();
        await stream.WriteAsync(Head(chunked: false));
        await stream.WriteAsync("a little"u8.ToArray());
        Assert.StartsWith("HTTP/1.1 413 ", await ReadAsync(stream, "too large"), StringComparison.Ordinal);
        Assert.Equal("hi", await edge.Client.GetStringAsync("/warm-up"));
    }

    [Fact]
    public async Task An_early_answer_without_a_body_is_the_destination_s_and_no_error_of_the_edge()
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nWWW-Authenticate: Basic\r\n\r\n");
            await connection.DrainAsync();
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await ConnectAsync(edge);
        await client.GetStream().WriteAsync(Head(chunked: true));
        var answer = await ReadAsync(client.GetStream(), "\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 401 ", answer, StringComparison.Ordinal);
        Assert.Contains("WWW-Authenticate: Basic", answer);
        Assert.DoesNotContain("Proxy-Status", answer);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task A_destination_that_answers_200_while_it_reads_gets_the_whole_body(bool chunked)
    {
        const int Size = 3_000_000;
        var received = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
            received.SetResult(await connection.DrainAsync(Size));
            await connection.SendAsync("ok");
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var content = new ByteArrayContent(new byte[Size]);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/") { Content = content };
        request.Headers.TransferEncodingChunked = chunked ? true : null;
        var answer = await edge.Client.SendAsync(request);
        Assert.Equal("ok", await answer.Content.ReadAsStringAsync());
        Assert.True(await received.Task >= Size);
    }

    [Fact]
    public async Task A_client_that_asks_first_is_told_to_go_on_and_its_body_arrives()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            await Microsoft.AspNetCore.Http.HttpResponseWritingExtensions.WriteAsync(context.Response, await reader.ReadToEndAsync());
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/") { Content = new StringContent("hello") };
        request.Headers.ExpectContinue = true;
        Assert.Equal("hello", await (await edge.Client.SendAsync(request)).Content.ReadAsStringAsync());
    }

    private static async Task RefuseAsync(RawConnection connection, Manner manner)
    {
        while (await connection.ReadHeadAsync() is { } head)
        {
            if (head.Contains("/warm-up"))
            {
                await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
                continue;
            }

            await connection.SendAsync(TooLarge);
            if (manner == Manner.ReadsOn)
            {
                await connection.DrainAsync();
            }
            else if (manner == Manner.StopsReading)
            {
                await connection.StayAsync();
            }

            return;
        }
    }

    private static byte[] Head(bool chunked) => Encoding.Latin1.GetBytes(
        "POST /upload HTTP/1.1\r\nHost: edge\r\n" + (chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: 20000000\r\n\r\n"));

    private static async Task SendForEverAsync(NetworkStream stream, bool chunked)
    {
        var data = new byte[65536];
        var size = Encoding.Latin1.GetBytes("10000\r\n");
        var end = "\r\n"u8.ToArray();
        try
        {
            for (var sent = 0; sent < 20_000_000 - data.Length; sent += data.Length)
            {
                if (chunked)
                {
                    await stream.WriteAsync(size);
                }

                await stream.WriteAsync(data);
                if (chunked)
                {
                    await stream.WriteAsync(end);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The test or the edge has closed.
        }
    }

    private static async Task<TcpClient> ConnectAsync(Edge edge)
    {
        var client = new TcpClient();
        await client.ConnectAsync(edge.Uri.Host, edge.Uri.Port);
        return client;
    }

    private static async Task<string> ReadAsync(NetworkStream stream, string until)
    {
        using var patience = new CancellationTokenSource(Patience);
        var text = new StringBuilder();
        var bytes = new byte[4096];
        while (!text.ToString().Contains(until, StringComparison.Ordinal))
        {
            var count = await stream.ReadAsync(bytes, patience.Token);
            if (count == 0)
            {
                break;
            }

            text.Append(Encoding.Latin1.GetString(bytes, 0, count));
        }

        return text.ToString();
    }
}
