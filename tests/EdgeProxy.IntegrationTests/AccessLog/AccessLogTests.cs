using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Metrics;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace EdgeProxy.IntegrationTests.AccessLog;

/// <summary>A line of JSON for each request: what was decided, and by whom.</summary>
public sealed class AccessLogTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edgeproxy-access-").FullName;

    private string LogPath => Path.Combine(_folder, "access.log");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_line_says_what_was_asked_what_was_tried_and_who_made_the_status()
    {
        using var taken = new Socket(SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync($$"""
            "Clients": { "ApiKey": { "Keys": { "acme": { "Sha256": "{{Sha256("the-key")}}" } } } },
            "RateLimits": { "standard": { "Limits": [ { "Name": "sec", "Capacity": 5, "Refill": 5, "Every": "1h" } ] } },
            "ReverseProxy": {
              "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" }, "Retry": {}, "RateLimiterPolicy": "standard" } },
              "Clusters": { "up": { "LoadBalancingPolicy": "FirstAlphabetical", "Destinations": {
                "a": { "Address": "http://{{taken.LocalEndPoint}}/" }, "b": { "Address": "{{upstream.Address}}" } } } }
            }
            """, Settings());
        using var request = new HttpRequestMessage(HttpMethod.Get, "/orders/%2F1?token=hush");
        request.Headers.Add("X-Api-Key", "the-key");
        request.Headers.Add("Authorization", "Bearer hush");
        using var answer = await edge.Client.SendAsync(request);

        var line = Assert.Single(await LinesAsync(1));

        Assert.Equal(Assert.Single(answer.Headers.GetValues("X-Request-Id")), Text(line, "requestId"));
        Assert.Equal(
            ("all", "upstream", "acme", "GET", "/orders/%2F1", "HTTP/1.1", 200),
            (Text(line, "route"), Text(line, "madeBy"), Text(line, "client"), Text(line, "method"), Text(line, "path"),
                Text(line, "protocol"), line.GetProperty("status").GetInt32()));
        Assert.Equal(
            [("a", "refused", 0), ("b", "ok", 200)],
            line.GetProperty("attempts").EnumerateArray().Select(attempt => (
                Text(attempt, "destination"), Text(attempt, "outcome"),
                attempt.TryGetProperty("status", out var status) ? status.GetInt32() : 0)));
        Assert.All(line.GetProperty("attempts").EnumerateArray(), attempt => Assert.True(attempt.GetProperty("ms").GetDouble() >= 0));
        var limit = Assert.Single(line.GetProperty("limits").EnumerateArray());
        Assert.Equal(("standard", "allow"), (Text(limit, "policy"), Text(limit, "decision")));
        Assert.InRange(line.GetProperty("durationMs").GetDouble(), line.GetProperty("upstreamMs").GetDouble(), 60_000);
        Assert.DoesNotContain("hush", await File.ReadAllTextAsync(LogPath), StringComparison.Ordinal);
        Assert.DoesNotContain("the-key", await File.ReadAllTextAsync(LogPath), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_edge_refuses_and_what_breaks_off_has_its_code()
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        });
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute(upstream.Address).Replace("/{**rest}", "/on/{**rest}", StringComparison.Ordinal), Settings(", \"Query\": true"));
        await edge.Client.GetAsync("/nowhere?a=1%0Ab");
        await Assert.ThrowsAnyAsync<Exception>(() => edge.Client.GetStringAsync("/on/it"));

        var lines = await LinesAsync(2);

        Assert.Equal(("(none)", "edge", "route_not_found", "?a=1%0Ab"), (
            Text(lines[0], "route"), Text(lines[0], "madeBy"), Text(lines[0], "code"), Text(lines[0], "query")));
        Assert.Equal(0, lines[0].GetProperty("attempts").GetArrayLength());
        Assert.Equal("upstream_response_truncated", Text(lines[1], "code"));
        Assert.Equal(200, lines[1].GetProperty("status").GetInt32());
    }

    [Theory]
    [InlineData("/nowhere", "route_not_found")]
    [InlineData("/on/it", "body_too_large")]
    public async Task What_is_refused_before_anybody_asked_for_its_client_names_the_client_too(string target, string code)
    {
        var sections = Edge.OneRoute("http://127.0.0.1:1/", "\"MaxRequestBodySize\": 1")
            .Replace("/{**rest}", "/on/{**rest}", StringComparison.Ordinal);
        await using var edge = await Edge.StartAsync(
            $$""" "Clients": { "ApiKey": { "Keys": { "acme": { "Sha256": "{{Sha256("the-key")}}" } } } }, {{sections}} """, Settings());
        List<JsonElement> lines = [];
        foreach (var key in new[] { "the-key", "other" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, target) { Content = new StringContent("two") };
            request.Headers.Add("X-Api-Key", key);
            using var answer = await edge.Client.SendAsync(request);
            lines = await LinesAsync(lines.Count + 1); // two connections: the second request could be written first
        }

        Assert.Equal([(code, "acme"), (code, "127.0.0.1")], lines.Select(line => (Text(line, "code"), Text(line, "client"))));
    }

    /// <summary>On routes with `Retry` the body is read before an attempt, on others while it is sent.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("\"Retry\": {}")]
    public async Task The_time_that_a_client_takes_to_send_is_its_own(string route)
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await context.Response.WriteAsync("received");
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, route), Settings());
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("POST /slow HTTP/1.1\r\nHost: test.example\r\nUser-Agent: \"probe\"\r\nContent-Length: 10\r\n\r\nfirst");
        var waited = Stopwatch.StartNew();
        await Wait.UntilAsync(() => waited.Elapsed > TimeSpan.FromMilliseconds(600), "the client has taken its time");
        await client.SendAsync("again");
        Assert.Contains("received", await client.ReadUntilAsync("\r\n0\r\n\r\n"), StringComparison.Ordinal);

        var line = Assert.Single(await LinesAsync(1));

        double Phase(string name) => line.GetProperty(name).GetDouble();
        Assert.InRange(Phase("clientMs"), 400, Phase("durationMs"));
        Assert.InRange(Phase("upstreamMs") + Phase("clientMs") + Phase("queuedMs"), 0, Phase("durationMs") + 1);
        var attempt = Assert.Single(line.GetProperty("attempts").EnumerateArray());
        Assert.InRange(attempt.GetProperty("ms").GetDouble(), 0, Phase("durationMs") - Phase("clientMs") + 1);
        var scrape = await Scrape.OfAsync(edge);
        double Sum(string name) => scrape[$"{name}_sum{{route=\"all\"}}"]!.Value;
        Assert.InRange(Sum("edgeproxy_client_wait_seconds"), 0.4, Sum("edgeproxy_request_duration_seconds"));
        Assert.InRange(
            Sum("edgeproxy_overhead_seconds") + Sum("edgeproxy_client_wait_seconds"), 0, Sum("edgeproxy_request_duration_seconds") + 0.001);
        Assert.InRange(
            scrape["edgeproxy_upstream_duration_seconds_sum{cluster=\"up\"}"]!.Value,
            0, Sum("edgeproxy_request_duration_seconds") - Sum("edgeproxy_client_wait_seconds") + 0.001);
        Assert.Equal(("127.0.0.1", "test.example", "\"probe\""), (Text(line, "address"), Text(line, "host"), Text(line, "userAgent")));
        Assert.Equal((10, 8), (line.GetProperty("bytesIn").GetInt64(), line.GetProperty("bytesOut").GetInt64()));
    }

    [Fact]
    public async Task A_call_of_gRPC_has_its_bytes_both_ways()
    {
        await using var upstream = await Upstream.StartAsync(
            async context =>
            {
                await context.Request.Body.CopyToAsync(Stream.Null);
                context.Response.ContentType = "application/grpc";
                await context.Response.Body.WriteAsync(new byte[7]);
            },
            HttpProtocols.Http2);
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute(upstream.Address, cluster: """ "HttpRequest": { "Version": "2", "VersionPolicy": "RequestVersionExact" } """),
            Settings());
        using var call = new HttpRequestMessage(HttpMethod.Post, "/talk.Talk/Say")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(new byte[12]) { Headers = { ContentType = new("application/grpc") } },
        };
        using var answer = await edge.Client.SendAsync(call);
        await answer.Content.ReadAsByteArrayAsync();

        var line = Assert.Single(await LinesAsync(1));

        Assert.Equal((12, 7), (line.GetProperty("bytesIn").GetInt64(), line.GetProperty("bytesOut").GetInt64()));
    }

    [Fact]
    public async Task It_is_off_until_a_reload_turns_it_on_and_a_file_that_is_moved_away_is_begun_anew()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), $$""" "AccessLog": { "Path": "{{LogPath}}" } """);
        await edge.Client.GetStringAsync("/before");

        await Reload.ApplyAsync(edge, Edge.OneRoute(upstream.Address), Settings());
        await edge.Client.GetStringAsync("/first");
        Assert.Equal("/first", Text(Assert.Single(await LinesAsync(1)), "path"));
        File.Move(LogPath, LogPath + ".1");
        await edge.Client.GetStringAsync("/second");
        Assert.Equal("/second", Text(Assert.Single(await LinesAsync(1)), "path"));
    }

    [Fact]
    public async Task The_last_request_of_a_drain_has_its_line_too()
    {
        var (arrived, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            arrived.SetResult();
            await go.Task;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), Settings());
        var answer = edge.Client.GetAsync("/last", Wait.Deadline);
        await arrived.Task.WaitAsync(Wait.Patience);

        var stopped = edge.StopAsync(TimeSpan.FromSeconds(30));
        go.SetResult();
        await answer;
        await stopped;

        Assert.Equal("/last", Text(Assert.Single(await LinesAsync(1)), "path"));
    }

    [Fact]
    public async Task A_log_that_nobody_reads_holds_up_no_request_and_says_how_many_lines_are_missing()
    {
        using (var fifo = Process.Start("mkfifo", [LogPath]))
        {
            await fifo.WaitForExitAsync();
        }

        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/").Replace(
            "/{**rest}", "/never", StringComparison.Ordinal), Settings(", \"Query\": true"));
        var metric = "edgeproxy_access_log_dropped_total";
        Assert.Equal(0, (await Scrape.OfAsync(edge))[metric]);
        var target = $"/{new string('p', 1500)}?{new string('q', 1500)}";

        await Parallel.ForAsync(0, 2500, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (_, cancellation) =>
        {
            using var answer = await edge.Client.GetAsync(target, cancellation);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        });

        Assert.InRange((await Scrape.OfAsync(edge))[metric]!.Value, 1, 2000);
        using var log = new StreamReader(await Task.Run(() => File.OpenRead(LogPath)).WaitAsync(Wait.Patience));
        var line = "";
        await Wait.UntilAsync(
            async () =>
            {
                var read = await log.ReadLineAsync(Wait.Deadline); // none between two batches, for each opens the pipe
                line = read ?? line;
                return line.Contains("droppedLines", StringComparison.Ordinal);
            },
            "the log says that lines are missing");
        Assert.True(JsonDocument.Parse(line).RootElement.GetProperty("droppedLines").GetInt64() > 0);
    }

    private static string Sha256(string key) =>
        Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(key)));

    private static string? Text(JsonElement line, string name) => line.GetProperty(name).GetString();

    private string Settings(string more = "") => $$""" "AccessLog": { "Enabled": true, "Path": "{{LogPath}}"{{more}} } """;

    /// <summary>All lines, once there are as many as expected.</summary>
    private async Task<List<JsonElement>> LinesAsync(int count)
    {
        string[] lines = [];
        await Wait.UntilAsync(
            async () => File.Exists(LogPath) && (lines = await File.ReadAllLinesAsync(LogPath)).Length >= count
                && lines[^1].EndsWith('}'),
            $"{count} lines are written");
        return [.. lines.Select(line => JsonDocument.Parse(line).RootElement)];
    }
}
