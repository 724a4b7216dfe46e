using System.Buffers.Binary;
using System.Text;
using EdgeProxy.IntegrationTests.Peers;
using EdgeProxy.IntegrationTests.Protocols;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Draining;

/// <summary>A drain as clients of HTTP/2 see it, however they came to speak it.</summary>
public sealed class Http2DrainTests : IDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);
    private readonly string _folder = Directory.CreateTempSubdirectory("edgeproxy-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("tls")]
    [InlineData("preface")]
    [InlineData("alone")]
    public async Task GOAWAY_comes_while_the_stream_is_open_and_the_stream_ends_well(string listener)
    {
        var release = new TaskCompletionSource();
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync("data: 1\n\n");
            await release.Task;
            await context.Response.WriteAsync("data: 2\n\n");
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), listen: listener switch
        {
            "tls" => TestCertificate.Listener(_folder),
            "alone" => Edge.Http2Only,
            _ => "\"http://127.0.0.1:0\"",
        });
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);
        await client.SendAsync(RawHttp2.Headers, RawHttp2.EndStream | RawHttp2.EndHeaders, 1, RawHttp2.Block(
            (":method", "GET"), (":scheme", listener == "tls" ? "https" : "http"), (":path", "/"), (":authority", "localhost")));
        await UntilAsync(client, frame => frame.Type == RawHttp2.Data && Text(frame.Payload) == "data: 1\n\n");

        var stopping = edge.StopAsync(Long);
        var goAway = await UntilAsync(client, frame => frame.Type == RawHttp2.GoAway);
        Assert.Equal(0, BinaryPrimitives.ReadInt32BigEndian(goAway.Payload.AsSpan(4)));
        Assert.False(stopping.IsCompleted);

        release.SetResult();
        var rest = "";
        await UntilAsync(client, frame =>
        {
            rest += frame.Type == RawHttp2.Data ? Text(frame.Payload) : "";
            return frame is { Type: RawHttp2.Data, Flags: RawHttp2.EndStream, StreamId: 1 };
        });
        Assert.Equal("data: 2\n\n", rest);
        await stopping.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task A_gRPC_stream_under_way_goes_on_to_its_end_and_its_status()
    {
        await using var upstream = await GrpcUpstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster:
            "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }"));
        using var channel = GrpcChannel.ForAddress(edge.Address);
        var client = new Talk.TalkClient(channel);
        using var listen = client.Listen(new Words());
        using var tell = client.Tell();
        Assert.True(await listen.ResponseStream.MoveNext(Wait.Deadline));
        await tell.RequestStream.WriteAsync(new Words { Text = "before " });

        var stopping = edge.StopAsync(Long);
        using var readiness = await edge.Admin.GetAsync("/readyz");
        await tell.RequestStream.WriteAsync(new Words { Text = "and in the drain" });
        await tell.RequestStream.CompleteAsync();
        Assert.Equal("before and in the drain", (await tell).Text);
        Assert.False(stopping.IsCompleted);
        upstream.Seen.Next.SetResult();
        Assert.True(await listen.ResponseStream.MoveNext(Wait.Deadline));
        Assert.Equal("two", listen.ResponseStream.Current.Text);
        Assert.False(await listen.ResponseStream.MoveNext(Wait.Deadline));
        Assert.Equal(StatusCode.OK, listen.GetStatus().StatusCode);
        await stopping.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task A_reload_changes_how_long_a_drain_may_take()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            await context.Response.WriteAsync("begun");
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), "\"Shutdown\": { \"DrainTimeout\": \"10m\" }");
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        await client.ReadUntilAsync("begun\r\n");

        await Reload.ApplyAsync(edge, Edge.OneRoute(upstream.Address), "\"Shutdown\": { \"DrainTimeout\": \"1s\" }");
        var stopping = edge.StopAsync();

        Assert.Equal(new RawAnswer("", WasReset: true), await client.ReadToEndAsync());
        await stopping.WaitAsync(Wait.Patience);
    }

    private static async Task<(byte Type, byte Flags, int StreamId, byte[] Payload)> UntilAsync(
        RawHttp2 client, Func<(byte Type, byte Flags, int StreamId, byte[] Payload), bool> wanted)
    {
        while (true)
        {
            var frame = await client.ReadAsync();
            if (wanted(frame))
            {
                return frame;
            }
        }
    }

    private static string Text(byte[] payload) => Encoding.Latin1.GetString(payload);
}
