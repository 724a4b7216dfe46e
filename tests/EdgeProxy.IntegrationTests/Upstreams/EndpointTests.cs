using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace EdgeProxy.IntegrationTests.Upstreams;

/// <summary>A name that stands for several addresses, other addresses, or none for a while.</summary>
public sealed class EndpointTests
{
    private const string Name = "http://_http._tcp.orders.test/";

    [Fact]
    public async Task Requests_are_shared_among_all_addresses_of_a_name_under_the_name_s_Host()
    {
        await using var one = Naming("one");
        await using var other = Naming("other");
        await using var names = new NameServer(one.EndPoint, other.EndPoint);
        await using var edge = await StartAsync(names);

        Assert.Equal(["one", "other"], (await AskAsync(edge, 40)).Keys.Order());
        Assert.All(one.Heads, head => Assert.Contains("\r\nHost: orders.test\r\n", head + "\r\n", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Of_the_targets_of_an_SRV_name_those_of_the_first_priority_get_all_requests()
    {
        await using var spare = Naming("spare");
        await using var first = Naming("first");
        await using var names = new NameServer(spare.EndPoint, first.EndPoint) { Priority = place => place == 0 ? 20 : 10 };
        await using var edge = await StartAsync(names);

        Assert.Equal(["first"], (await AskAsync(edge, 20)).Keys);
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2")]
    public async Task A_changed_address_is_followed_while_the_old_server_still_answers(string version)
    {
        var protocol = version == "2"
            ? HttpProtocols.Http2
            : HttpProtocols.Http1;
        await using var old = await Upstream.StartAsync(context => context.Response.WriteAsync("old"), protocol);
        await using var young = await Upstream.StartAsync(context => context.Response.WriteAsync("young"), protocol);
        await using var names = new NameServer(EndPointOf(old.Address));
        await using var edge = await StartAsync(
            names, cluster: $$""" "HttpRequest": { "Version": "{{version}}", "VersionPolicy": "RequestVersionExact" } """);
        Assert.Equal(["old"], (await AskAsync(edge, 3)).Keys);

        names.Set(EndPointOf(young.Address));
        await Wait.UntilAsync(async () => (await AskAsync(edge, 1)).ContainsKey("young"), "the new address is used");
        Assert.Equal(["young"], (await AskAsync(edge, 20)).Keys);
    }

    [Fact]
    public async Task The_last_good_addresses_stay_while_the_name_service_is_silent_or_knows_none()
    {
        await using var upstream = Naming("here");
        await using var names = new NameServer(upstream.EndPoint);
        await using var edge = await StartAsync(names);
        foreach (var endpoints in new IPEndPoint[]?[] { null, [] })
        {
            names.Set(endpoints);
            var asked = names.Questions;
            await Wait.UntilAsync(() => names.Questions > asked + 1, "the name was looked up again");
            Assert.Equal(["here"], (await AskAsync(edge, 5)).Keys);
        }
    }

    [Fact]
    public async Task An_address_that_refuses_costs_no_request_and_is_cut_off_alone()
    {
        await using var good = Naming("good");
        await using var names = new NameServer(new IPEndPoint(IPAddress.Parse("127.0.0.9"), good.EndPoint.Port), good.EndPoint);
        await using var edge = await StartAsync(names, cluster: "\"LoadBalancingPolicy\": \"RoundRobin\"");

        Assert.Equal(["good"], (await AskAsync(edge, 40)).Keys);
        var addresses = await AddressesAsync(edge);
        Assert.Equal("open", addresses.Single(one => !one.GetProperty("available").GetBoolean())
            .GetProperty("breaker").GetProperty("state").GetString());
        Assert.Single(addresses, one => one.GetProperty("available").GetBoolean());
        var metrics = await edge.Admin.GetStringAsync("/metrics", Wait.Deadline);
        Assert.Contains("edgeproxy_destination_up{cluster=\"up\",destination=\"a\"} 1", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("127.0.0.9", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_that_is_silent_costs_a_moment_and_no_request_even_one_with_a_body()
    {
        await using var good = Naming("good");
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.9"), good.EndPoint.Port));
        silent.Listen(0);
        var waiting = Enumerable.Range(0, 4).Select(_ => Fill(silent.LocalEndPoint!)).ToList();
        await using var names = new NameServer((IPEndPoint)silent.LocalEndPoint!, good.EndPoint);
        await using var edge = await StartAsync(names, cluster: "\"LoadBalancingPolicy\": \"RoundRobin\"");

        foreach (var _ in Enumerable.Range(0, 6))
        {
            using var content = new StringContent("body");
            using var answer = await edge.Client.PostAsync("/", content, Wait.Deadline);
            Assert.Equal("good", await answer.Content.ReadAsStringAsync(Wait.Deadline));
        }

        waiting.ForEach(one => one.Dispose());
    }

    [Fact]
    public async Task An_order_to_a_destination_holds_for_all_of_its_addresses_and_those_that_come_later()
    {
        await using var one = Naming("one");
        await using var other = Naming("other");
        await using var third = Naming("third");
        await using var names = new NameServer(one.EndPoint, other.EndPoint);
        await using var edge = await StartAsync(names);
        using var ordered = await edge.Admin.PutAsJsonAsync("/v1/clusters/up/destinations/a/state", new { State = "Down" }, Wait.Deadline);
        Assert.Equal(HttpStatusCode.OK, ordered.StatusCode);

        names.Set(other.EndPoint, third.EndPoint);
        var expected = new[] { other.EndPoint.ToString(), third.EndPoint.ToString() }.Order(StringComparer.Ordinal).ToList();
        await Wait.UntilAsync(
            async () => (await AddressesAsync(edge)).Select(address => address.GetProperty("address").GetString()!).SequenceEqual(expected),
            "the addresses have changed");
        Assert.All(await AddressesAsync(edge), address => Assert.Equal("down", address.GetProperty("state").GetString()));
    }

    [Fact]
    public async Task Attempts_at_all_addresses_of_a_name_count_for_its_destination_those_that_are_gone_too()
    {
        const string Series = "edgeproxy_destination_attempts_total{cluster=\"up\",destination=\"a\",outcome=\"ok\"}";
        await using var one = Naming("one");
        await using var other = Naming("other");
        await using var names = new NameServer(one.EndPoint, other.EndPoint);
        await using var edge = await StartAsync(names);
        Assert.Equal(["one", "other"], (await AskAsync(edge, 40)).Keys.Order());
        Assert.Contains($"{Series} 40\n", await edge.Admin.GetStringAsync("/metrics", Wait.Deadline), StringComparison.Ordinal);

        names.Set(other.EndPoint);
        await Wait.UntilAsync(async () => (await AddressesAsync(edge)).Count == 1, "an address has gone");
        await AskAsync(edge, 2);
        Assert.Contains($"{Series} 42\n", await edge.Admin.GetStringAsync("/metrics", Wait.Deadline), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_order_to_close_the_breaker_of_a_destination_holds_for_all_of_its_addresses()
    {
        await using var good = Naming("good");
        await using var better = Naming("better");
        await using var names = new NameServer([good.EndPoint, better.EndPoint, .. new[] { "127.0.0.9", "127.0.0.10" }
            .Select(address => new IPEndPoint(IPAddress.Parse(address), good.EndPoint.Port))]);
        await using var edge = await StartAsync(names, cluster: "\"LoadBalancingPolicy\": \"RoundRobin\"");
        await Wait.UntilAsync(
            async () => (await AskAsync(edge, 4)).Count == 2 && (await StatesAsync(edge)).Count(state => state == "open") == 2,
            "both breakers are open");

        using var closed = await edge.Admin.DeleteAsync("/v1/clusters/up/destinations/a/breaker", Wait.Deadline);

        Assert.Equal(HttpStatusCode.NoContent, closed.StatusCode);
        Assert.All(await StatesAsync(edge), state => Assert.Equal("closed", state));
    }

    private static Task<Edge> StartAsync(NameServer names, string cluster = "") =>
        Edge.StartAsync(Edge.OneRoute(Name, cluster: cluster), $$""" "Names": { "Refresh": "1s", "Servers": [ "{{names.Address}}" ] } """);

    private static RawUpstream Naming(string name) =>
        RawUpstream.Answering($"HTTP/1.1 200 OK\r\nContent-Length: {name.Length}\r\n\r\n{name}");

    private static IPEndPoint EndPointOf(string address) => new(IPAddress.Parse(new Uri(address).Host), new Uri(address).Port);

    private static async Task<ConcurrentDictionary<string, int>> AskAsync(Edge edge, int times)
    {
        var answers = new ConcurrentDictionary<string, int>();
        foreach (var _ in Enumerable.Range(0, times))
        {
            answers.AddOrUpdate(await edge.Client.GetStringAsync("/", Wait.Deadline), 1, (_, count) => count + 1);
        }

        return answers;
    }

    private static async Task<List<JsonElement>> AddressesAsync(Edge edge)
    {
        var cluster = await edge.Admin.GetFromJsonAsync<JsonElement>("/v1/clusters/up", Wait.Deadline);
        return [.. cluster.GetProperty("destinations")[0].GetProperty("addresses").EnumerateArray()];
    }

    private static async Task<IEnumerable<string?>> StatesAsync(Edge edge) =>
        (await AddressesAsync(edge)).Select(address => address.GetProperty("breaker").GetProperty("state").GetString());

    private static Socket Fill(EndPoint full)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        try
        {
            socket.Connect(full);
        }
        catch (SocketException)
        {
            // It is under way, or is one that is not taken any more.
        }

        return socket;
    }
}
