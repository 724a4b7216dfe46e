using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Errors;

/// <summary>Each way in which an upstream fails has its own row, on HTTP/1.1, HTTP/2 and gRPC, and says nothing of the upstream.</summary>
public sealed class UpstreamErrorTests
{
    public static TheoryData<string, string, string, int, int> Faults() => new()
    {
        { "closes", "", "upstream_connection_reset", 502, 14 },
        { "resets", "", "upstream_connection_reset", 502, 14 },
        { "closes in the head", "", "upstream_connection_reset", 502, 14 },
        { "answers rubbish", "", "upstream_protocol_error", 502, 13 },
        { "answers a bad length", "", "upstream_protocol_error", 502, 13 },
        { "answers two lengths", "", "upstream_protocol_error", 502, 13 },
        { "answers a bad chunk", "", "upstream_protocol_error", 502, 13 },
        { "answers with status 999", "", "upstream_protocol_error", 502, 13 },
        { "answers in a coding", "", "upstream_protocol_error", 502, 13 },
        { "answers huge fields", "", "upstream_header_too_large", 502, 8 },
        { "ends before the body", "", "upstream_response_truncated", 502, 14 },
        { "is silent", "\"HttpRequest\": { \"ActivityTimeout\": \"300ms\" }", "upstream_idle_timeout", 504, 4 },
        { "is silent", "\"Timeouts\": { \"Idle\": \"300ms\" }", "upstream_idle_timeout", 504, 4 },
        { "is silent", "\"Timeouts\": { \"PerTry\": \"300ms\" }", "upstream_response_timeout", 504, 4 },
        { "is silent", "\"Timeouts\": { \"ResponseHeaders\": \"300ms\" }", "upstream_response_timeout", 504, 4 },
        { "stalls after the head", "\"Timeouts\": { \"Idle\": \"300ms\", \"PerTry\": \"20s\" }", "upstream_idle_timeout", 504, 4 },
        { "stalls after the head", "\"HttpRequest\": { \"ActivityTimeout\": \"300ms\" }", "upstream_idle_timeout", 504, 4 },
    };

    [Theory, MemberData(nameof(Faults))]
    public async Task A_failing_upstream_is_answered_under_its_own_code(string fault, string cluster, string code, int status, int grpc)
    {
        await using var upstream = Faulty.Upstream(fault);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: cluster));

        // HEAD asks for no body, so that an answer without one is whole.
        var headIsWhole = fault.EndsWith("the body", StringComparison.Ordinal)
            || fault.EndsWith("chunk", StringComparison.Ordinal)
            || fault.EndsWith("after the head", StringComparison.Ordinal);
        await ExpectEverywhereAsync(edge, code, status, grpc, withHead: !headIsWhole);
    }

    [Fact]
    public async Task Nobody_at_the_address_is_a_refused_connection()
    {
        using var taken = new Socket(SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using var edge = await Edge.StartAsync(Edge.OneRoute($"http://{taken.LocalEndPoint}/"));

        await ExpectEverywhereAsync(edge, "upstream_connection_refused", 502, 14);
    }

    [Fact]
    public async Task A_name_that_nobody_knows_is_a_dns_error()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://nobody.invalid/"));

        await ExpectEverywhereAsync(edge, "dns_error", 502, 14);
    }

    [Fact]
    public async Task An_address_without_a_way_to_it_is_unroutable()
    {
        // The broadcast address: a TCP connection to it is refused by the kernel, whatever the machine's network is like.
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://255.255.255.255:9/"));

        await ExpectEverywhereAsync(edge, "upstream_unroutable", 502, 14);
    }

    [Fact]
    public async Task The_time_of_the_route_is_a_deadline_of_its_own()
    {
        await using var upstream = Faulty.Upstream("is silent");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"Timeout\": \"300ms\""));

        await ExpectEverywhereAsync(edge, "deadline_exceeded", 504, 4);
    }

    /// <summary>GET and HEAD over HTTP/1.1 and HTTP/2, and a gRPC call, all get this error in the form that is theirs.</summary>
    internal static async Task ExpectEverywhereAsync(Edge edge, string code, int status, int grpc, bool withHead = true)
    {
        foreach (var version in new[] { HttpVersion.Version11, HttpVersion.Version20 })
        {
            using var answer = await SendAsync(edge, HttpMethod.Get, version);
            Assert.Equal(version, answer.Version);
            Assert.Equal(status, (int)answer.StatusCode);
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
            Assert.True(answer.Headers.CacheControl!.NoStore);
            Assert.EndsWith($"; details=\"{code}\"", Assert.Single(answer.Headers.GetValues("Proxy-Status")), StringComparison.Ordinal);
            Assert.False(answer.Headers.Contains("X-Upstream"));
            var text = await answer.Content.ReadAsStringAsync();
            var problem = JsonDocument.Parse(text).RootElement;
            Assert.Equal(code, problem.GetProperty("code").GetString());
            Assert.Equal(Assert.Single(answer.Headers.GetValues("X-Request-Id")), problem.GetProperty("requestId").GetString());
            Assert.Matches("^[0-9a-f]{32}$", problem.GetProperty("traceId").GetString());
            foreach (var secret in new[] { "127.0.0.1", "Exception", "/secret", "nobody.invalid", "bearer", "\"up\"" })
            {
                Assert.DoesNotContain(secret, text + answer.Headers, StringComparison.OrdinalIgnoreCase);
            }

            if (!withHead)
            {
                continue;
            }

            using var head = await SendAsync(edge, HttpMethod.Head, version);
            Assert.Equal(status, (int)head.StatusCode);
            Assert.Empty(await head.Content.ReadAsByteArrayAsync());
        }

        using var call = await SendAsync(edge, HttpMethod.Post, HttpVersion.Version20, "application/grpc");
        Assert.Equal(HttpStatusCode.OK, call.StatusCode);
        Assert.Equal("application/grpc", call.Content.Headers.ContentType?.MediaType);
        Assert.Equal($"{grpc}", Assert.Single(call.Headers.GetValues("grpc-status")));
        Assert.Equal(code, Assert.Single(call.Headers.GetValues("edge-error-code")));
        Assert.NotEmpty(Assert.Single(call.Headers.GetValues("grpc-message")));
        Assert.NotEmpty(Assert.Single(call.Headers.GetValues("X-Request-Id")));
        Assert.Empty(await call.Content.ReadAsByteArrayAsync());
    }

    private static async Task<HttpResponseMessage> SendAsync(Edge edge, HttpMethod method, Version version, string? contentType = null)
    {
        using var request = new HttpRequestMessage(method, "/secret?token=bearer")
        {
            Version = version,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        if (contentType is not null)
        {
            request.Content = new ByteArrayContent([0, 0, 0, 0, 0]) { Headers = { ContentType = new(contentType) } };
        }

        return await edge.Client.SendAsync(request);
    }
}
