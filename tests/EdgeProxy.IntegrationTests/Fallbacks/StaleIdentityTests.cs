using System.Net.Http.Headers;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Fallbacks;

/// <summary>Whose kept responses a client may be given, with an upstream that fails on demand.</summary>
public sealed class StaleIdentityTests : IAsyncLifetime
{
    private Upstream _upstream = null!;
    private volatile string _trouble = "";
    private Action<HttpContext> _fields = _ => { };
    private int _version;

    public async ValueTask InitializeAsync() => _upstream = await Upstream.StartAsync(async context =>
    {
        if (_trouble.Length > 0)
        {
            context.Response.StatusCode = 503;
            return;
        }

        _fields(context);
        await context.Response.WriteAsync($"answer {_version++} to ");
    });

    public ValueTask DisposeAsync() => _upstream.DisposeAsync();

    [Theory]
    [InlineData("Authorization: Bearer a")]
    [InlineData("Cookie: session=a")]
    [InlineData("X-Api-Key: a")]
    [InlineData("Ocp-Apim-Subscription-Key: a")]
    [InlineData("X-Scope-OrgID: a")]
    [InlineData("From: a@example")]
    [InlineData("X-Original-URL: /admin")]
    public async Task An_answer_to_one_client_is_never_another_s(string line)
    {
        await using var edge = await StartAsync();
        using var personal = Request(line);
        using var first = await edge.Client.SendAsync(personal, Wait.Deadline);
        Assert.StartsWith("answer", await first.Content.ReadAsStringAsync(Wait.Deadline), StringComparison.Ordinal);
        _trouble = "503";

        Assert.Equal("static", await edge.Client.GetStringAsync("/", Wait.Deadline)); // was not kept for others

        _trouble = "";
        await edge.Client.GetStringAsync("/", Wait.Deadline);
        _trouble = "503";
        using var again = Request(line);
        using var second = await edge.Client.SendAsync(again, Wait.Deadline);
        Assert.Equal("static", await second.Content.ReadAsStringAsync(Wait.Deadline)); // nor is anybody's given to who has a name
        Assert.StartsWith("answer", await edge.Client.GetStringAsync("/", Wait.Deadline), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clients_that_the_edge_knows_have_each_their_own()
    {
        var clients = """
            "Clients": { "ApiKey": { "Header": "X-Api-Key", "Keys": {
              "a": { "Sha256": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" },
              "b": { "Sha256": "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d" } } } },
            """;
        await using var edge = await StartAsync(sections: clients);
        using var first = await edge.Client.SendAsync(Request("X-Api-Key: a"), Wait.Deadline);
        _trouble = "503";

        using var mine = await edge.Client.SendAsync(Request("X-Api-Key: a"), Wait.Deadline);
        using var other = await edge.Client.SendAsync(Request("X-Api-Key: b"), Wait.Deadline);
        using var nobody = await edge.Client.SendAsync(Request("X-Api-Key: unknown"), Wait.Deadline);

        Assert.Equal("answer 0 to ", await mine.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal("static", await other.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal("static", await nobody.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal("static", await edge.Client.GetStringAsync("/", Wait.Deadline));
    }

    [Theory]
    [InlineData("\"Vary\": [ \"X-Tenant\" ]", false)]
    [InlineData("", true)]
    public async Task A_field_that_the_route_or_the_response_names_keeps_responses_apart(string key, bool varies)
    {
        _fields = context => context.Response.Headers.Vary = varies ? "x-tenant" : "";
        await using var edge = await StartAsync(stale: key);
        using var first = await edge.Client.SendAsync(Request("X-Tenant: a"), Wait.Deadline);
        _trouble = "503";

        using var same = await edge.Client.SendAsync(Request("X-Tenant: a"), Wait.Deadline);
        using var other = await edge.Client.SendAsync(Request("X-Tenant: b"), Wait.Deadline);
        Assert.Equal("answer 0 to ", await same.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal("static", await other.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal("static", await edge.Client.GetStringAsync("/", Wait.Deadline));
    }

    [Fact]
    public async Task A_field_that_the_route_ignores_is_no_obstacle()
    {
        await using var edge = await StartAsync(stale: "\"Ignore\": [ \"CF-Ray\" ]");
        using var first = await edge.Client.SendAsync(Request("CF-Ray: 1"), Wait.Deadline);
        _trouble = "503";

        using var second = await edge.Client.SendAsync(Request("cf-ray: 2"), Wait.Deadline);
        Assert.Equal("answer 0 to ", await second.Content.ReadAsStringAsync(Wait.Deadline));
    }

    [Fact]
    public async Task Behind_a_trusted_proxy_each_host_has_its_own_and_a_range_has_none()
    {
        await using var edge = await StartAsync(edge: "\"TrustedProxies\": [ \"127.0.0.0/8\" ]");
        using var first = await edge.Client.SendAsync(Request("X-Forwarded-Host: a.example"), Wait.Deadline);
        _trouble = "503";

        using var same = await edge.Client.SendAsync(Request("X-Forwarded-Host: a.example"), Wait.Deadline);
        using var other = await edge.Client.SendAsync(Request("X-Forwarded-Host: b.example"), Wait.Deadline);
        using var part = Request("X-Forwarded-Host: a.example");
        part.Headers.Range = new RangeHeaderValue(0, 1);
        using var range = await edge.Client.SendAsync(part, Wait.Deadline);
        Assert.Equal("answer 0 to ", await same.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal("static", await other.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal("static", await range.Content.ReadAsStringAsync(Wait.Deadline));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Fields_that_every_browser_sends_are_no_obstacle(bool isHttp2)
    {
        await using var edge = await StartAsync();
        using var client = new Http2Client(edge);
        await GetAsync();
        _trouble = "503";
        Assert.Equal("answer 0 to ", await GetAsync());

        async Task<string> GetAsync()
        {
            using var request = Request("Accept-Language: de");
            request.Headers.TryAddWithoutValidation("Upgrade-Insecure-Requests", "1");
            request.Headers.TryAddWithoutValidation("Sec-Fetch-Mode", "navigate");
            request.Headers.TryAddWithoutValidation("Priority", "u=0, i");
            request.Headers.UserAgent.ParseAdd("browser/1");
            request.Headers.Referrer = new Uri("http://e.example/");
            using var answer = isHttp2 ? await client.SendAsync(request) : await edge.Client.SendAsync(request, Wait.Deadline);
            return await answer.Content.ReadAsStringAsync(Wait.Deadline);
        }
    }

    private static HttpRequestMessage Request(string line)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/");
        var colon = line.IndexOf(':', StringComparison.Ordinal);
        request.Headers.TryAddWithoutValidation(line[..colon], line[(colon + 2)..]);
        return request;
    }

    private Task<Edge> StartAsync(string sections = "", string stale = "", string edge = "") => Edge.StartAsync(
        sections + Edge.OneRoute(_upstream.Address,
            $"\"Fallback\": {{ \"Stale\": {{ {stale} }}, \"Static\": {{ \"Body\": \"static\" }} }}",
            "\"CircuitBreaker\": { \"Enabled\": false }"), edge);
}
