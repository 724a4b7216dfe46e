using System.Net;
using System.Net.Sockets;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Connections;

/// <summary>`Edge.Connections.Max`: a flood of connections takes nothing from those that are open, nor from the admin listener.</summary>
public sealed class ConnectionBoundTests
{
    private const string Max2 = "\"Connections\": { \"Max\": 2 }";
    private const string Request = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

    [Fact]
    public async Task A_connection_beyond_the_bound_is_closed_and_one_that_ends_makes_room()
    {
        await using var upstream = await Upstream.StartAsync("hello");
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute(upstream.Address), Max2, listen: "\"http://127.0.0.1:0\", " + Edge.Http2Only.Replace("Http2", "Http1"));
        using var readings = new Readings(edge);
        var log = Log.Of(edge);
        var addresses = edge.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        using var first = await AnsweredAsync(new Uri(addresses.First()));
        using var second = await AnsweredAsync(new Uri(addresses.Last())); // the bound is one for all listeners

        for (var i = 1; i <= 3; i++)
        {
            Assert.False(await IsAnsweredAsync(edge.Uri));
        }

        Assert.Equal(3, readings["edgeproxy_connections_refused_total{}"]);
        Assert.Single(log.Entries(LogLevel.Warning), entry => entry.Contains("2 connections are open"));
        Assert.Equal(HttpStatusCode.OK, (await edge.Admin.GetAsync("/readyz")).StatusCode);
        await first.SendAsync(Request);
        Assert.StartsWith("HTTP/1.1 200 ", await first.ReadHeadAsync(), StringComparison.Ordinal);

        second.Dispose();
        await Wait.UntilAsync(() => IsAnsweredAsync(edge.Uri), "there is room for one more");
    }

    [Fact]
    public async Task An_upgraded_connection_counts_as_long_as_it_is_open()
    {
        await using var upstream = await WebSocketPeers.EchoAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), Max2);
        using var first = await WebSocketPeers.ConnectRawAsync(edge);
        using var second = await WebSocketPeers.ConnectRawAsync(edge);

        Assert.False(await IsAnsweredAsync(edge.Uri));
    }

    private static async Task<RawClient> AnsweredAsync(Uri address)
    {
        var client = await RawClient.OpenAsync(address);
        await client.SendAsync(Request);
        Assert.Contains("hello", await client.ReadUntilAsync("\r\n0\r\n\r\n"), StringComparison.Ordinal);
        return client;
    }

    private static async Task<bool> IsAnsweredAsync(Uri address)
    {
        try
        {
            using var client = await AnsweredAsync(address);
            return true;
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            return false; // closed before, while or after the request was sent
        }
    }
}
