using System.Text;
using System.Text.RegularExpressions;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Yarp;

/// <summary>A field that is made of a route's value is the edge's word: no other value and no client's own looks like it.</summary>
public sealed class RouteValueFieldTests
{
    [Theory]
    [InlineData("acme", "acme")]
    [InlineData("a%20b", "a b")]
    [InlineData("%EF%BD%81cme", "\uFF41cme")]
    [InlineData("%C4%81cme", "\u0101cme")]
    [InlineData("caf%C3%A9", "caf\u00e9")]
    [InlineData("%F0%9F%98%80", "\U0001F600")]
    [InlineData("a%2Fb", "a%2Fb")]
    public async Task A_value_is_sent_as_UTF_8_in_place_of_the_client_s(string segment, string expected)
    {
        foreach (var encoding in new[] { "", "\"HttpClient\": { \"RequestHeaderEncoding\": \"utf-8\" }" })
        {
            var (answer, values) = await AskAsync($"/t/{segment}/x", "{tenant}", cluster: encoding);
            Assert.Contains(" 204 ", answer, StringComparison.Ordinal);
            Assert.Equal([expected], values);
        }
    }

    [Theory]
    [InlineData("a%0ab")]
    [InlineData("a%0Db")]
    [InlineData("a%01")]
    [InlineData("a%09b")]
    [InlineData("a%7F")]
    [InlineData("%20acme")]
    [InlineData("acme%20")]
    public async Task A_value_that_no_field_can_carry_whole_is_refused(string segment)
    {
        foreach (var action in new[] { "Set", "Append" })
        {
            var (answer, values) = await AskAsync($"/t/{segment}/x", "{tenant}", action);
            Assert.Contains(" 400 ", answer, StringComparison.Ordinal);
            Assert.Contains("invalid_path", answer, StringComparison.Ordinal);
            Assert.Empty(values);
        }
    }

    [Theory]
    [InlineData("Set", "")]
    [InlineData("Append", "spoofed")]
    public async Task Without_a_value_the_client_s_field_does_not_stand_in_for_what_is_set(string action, string expected)
    {
        var (answer, values) = await AskAsync("/t", "{tenant?}", action, rest: "");
        Assert.Contains(" 204 ", answer, StringComparison.Ordinal);
        Assert.Equal(expected, string.Join(',', values));
    }

    [Fact]
    public async Task A_value_is_appended_to_the_client_s()
    {
        var (_, values) = await AskAsync("/t/acme/x", "{tenant}", "Append");
        Assert.Equal("spoofed,acme", string.Join(',', values).Replace(" ", "", StringComparison.Ordinal));
    }

    private static async Task<(string Answer, string[] Values)> AskAsync(
        string path, string segment, string action = "Set", string cluster = "", string rest = "/{**rest}")
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge
            .OneRoute(upstream.Address,
                $$"""
                "Transforms": [ { "RequestHeaderRouteValue": "X-Tenant", "{{action}}": "tenant" } ]
                """, cluster)
            .Replace("\"/{**rest}\"", $"\"/t/{segment}{rest}\"", StringComparison.Ordinal));
        var answer = await RawClient.ExchangeAsync(
            edge.Uri, $"GET {path} HTTP/1.1\r\nHost: e\r\nX-Tenant: spoofed\r\nConnection: close\r\n\r\n");
        var lines = upstream.Heads.SelectMany(head => Regex.Matches(head, "^X-Tenant: (.*?)\r?$", RegexOptions.Multiline));
        return (answer.Text, [.. lines.Select(line => Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(line.Groups[1].Value)))]);
    }
}
