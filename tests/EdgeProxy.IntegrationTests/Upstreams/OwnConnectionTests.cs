using System.Net;
using System.Text.RegularExpressions;
using EdgeProxy.IntegrationTests.Peers;
using EdgeProxy.Upstreams;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EdgeProxy.IntegrationTests.Upstreams;

/// <summary>Authentication that vouches for a connection stays with the client that has authenticated.</summary>
public sealed partial class OwnConnectionTests
{
    [Theory]
    [InlineData("NTLM")]
    [InlineData("Negotiate")]
    public async Task A_connection_that_a_client_has_authenticated_serves_that_client_alone(string scheme)
    {
        await using var upstream = NtlmUpstream.Start(scheme);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var alice = await RawClient.OpenAsync(edge.Uri);
        await LogInAsync(alice, scheme, "user-alice");

        Assert.StartsWith("user-alice@", await AskAsync(alice), StringComparison.Ordinal); // without a credential: the connection is hers
        foreach (var _ in Enumerable.Range(0, 3))
        {
            Assert.StartsWith("nobody@", await AskAloneAsync(edge), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_client_s_connection_stays_at_one_destination_and_ends_with_the_client()
    {
        await using var one = NtlmUpstream.Start();
        await using var other = NtlmUpstream.Start();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(one.Address, cluster: "\"LoadBalancingPolicy\": \"RoundRobin\"")
            .Replace("\"Destinations\": {", $$"""
                "Destinations": { "b": { "Address": "{{other.Address}}" },
                """, StringComparison.Ordinal));
        using (var alice = await RawClient.OpenAsync(edge.Uri))
        {
            await LogInAsync(alice, "NTLM", "user-alice");
            var first = await AskAsync(alice);
            Assert.StartsWith("user-alice@", first, StringComparison.Ordinal);
            foreach (var _ in Enumerable.Range(0, 4))
            {
                Assert.Equal(first, await AskAsync(alice));
            }

            Assert.Equal(1, edge.Services.GetRequiredService<OwnConnections>().Count);
        }

        await Wait.UntilAsync(() => edge.Services.GetRequiredService<OwnConnections>().Count == 0, "her connections have ended");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_peer_that_may_speak_for_many_users_gets_a_connection_for_one_exchange(bool isTrustedProxy)
    {
        await using var upstream = NtlmUpstream.Start();
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute(upstream.Address),
            isTrustedProxy ? "\"TrustedProxies\": [ \"127.0.0.1/32\" ]" : "",
            listen: isTrustedProxy ? "\"http://127.0.0.1:0\"" : Edge.Http2Only);
        using var client = new HttpClient
        {
            BaseAddress = edge.Uri,
            DefaultRequestVersion = isTrustedProxy ? HttpVersion.Version11 : HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        foreach (var _ in Enumerable.Range(0, 2))
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/")
            {
                Version = client.DefaultRequestVersion,
                VersionPolicy = client.DefaultVersionPolicy,
            };
            request.Headers.TryAddWithoutValidation("Authorization", "NTLM user-alice");
            using var hers = await client.SendAsync(request, Wait.Deadline);
            Assert.StartsWith("user-alice@", await hers.Content.ReadAsStringAsync(Wait.Deadline), StringComparison.Ordinal);

            using var others = await client.GetAsync("/", Wait.Deadline);
            Assert.StartsWith("nobody@", await others.Content.ReadAsStringAsync(Wait.Deadline), StringComparison.Ordinal);
        }

        Assert.Equal(3, upstream.Connections); // one for each credential, one in the pool
    }

    [Theory]
    [InlineData("\"Retry\": { \"Attempts\": 3 }")]
    [InlineData("\"Hedge\": { \"After\": \"1ms\" }")]
    [InlineData("\"Timeout\": \"5s\"")]
    public async Task A_request_with_such_a_credential_is_sent_once(string route)
    {
        await using var upstream = NtlmUpstream.Start(closesOnCredential: true);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, route));

        var answer = await RawClient.ExchangeAsync(
            edge.Uri, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: NTLM hello\r\nConnection: close\r\n\r\n");
        Assert.Equal("upstream_connection_reset", answer.Code);
        Assert.Single(upstream.Heads);
    }

    [Fact]
    public async Task A_response_on_such_a_connection_is_kept_for_nobody()
    {
        var upstream = NtlmUpstream.Start();
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute(upstream.Address, "\"Fallback\": { \"Stale\": {} }"));
        using (var alice = await RawClient.OpenAsync(edge.Uri))
        {
            await LogInAsync(alice, "NTLM", "user-alice");
            Assert.StartsWith("user-alice@", await AskAsync(alice), StringComparison.Ordinal);
        }

        await upstream.DisposeAsync();
        Assert.Contains("upstream_connection_refused", await AskAloneAsync(edge), StringComparison.Ordinal);
    }

    private static async Task LogInAsync(RawClient client, string scheme, string user)
    {
        Assert.StartsWith("nobody@", await AskAsync(client), StringComparison.Ordinal);
        Assert.StartsWith("nobody@", await AskAsync(client, $"Authorization: {scheme} hello\r\n"), StringComparison.Ordinal);
        Assert.StartsWith(user, await AskAsync(client, $"Authorization: {scheme} {user}\r\n"), StringComparison.Ordinal);
    }

    private static async Task<string> AskAsync(RawClient client, string field = "")
    {
        await client.SendAsync($"GET /mail HTTP/1.1\r\nHost: a\r\n{field}\r\n");
        var length = Length().Match(await client.ReadHeadAsync()).Groups[1].ValueSpan;
        return System.Text.Encoding.Latin1.GetString(await client.ReadExactlyAsync(int.Parse(length)));
    }

    private static async Task<string> AskAloneAsync(Edge edge) =>
        (await RawClient.ExchangeAsync(edge.Uri, "GET /mail HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).Body;

    [GeneratedRegex(@"Content-Length: (\d+)")]
    private static partial Regex Length();
}
