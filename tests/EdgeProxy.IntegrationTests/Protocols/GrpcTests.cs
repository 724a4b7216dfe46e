using System.Security.Cryptography;
using EdgeProxy.IntegrationTests.Peers;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Xunit;

namespace EdgeProxy.IntegrationTests.Protocols;

/// <summary>gRPC through the edge: a real server, a real client, nothing of a call lost between them.</summary>
public sealed class GrpcTests : IAsyncLifetime
{
    private const string Http2 = """ "HttpRequest": { "Version": "2", "VersionPolicy": "RequestVersionExact" } """;

    private GrpcUpstream _upstream = null!;
    private Edge _edge = null!;
    private GrpcChannel _channel = null!;
    private Talk.TalkClient _client = null!;

    public async ValueTask InitializeAsync()
    {
        _upstream = await GrpcUpstream.StartAsync();
        (_edge, _channel) = await ConnectAsync(_upstream.Address);
        _client = new Talk.TalkClient(_channel);
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        await _edge.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task A_call_carries_its_message_its_metadata_and_its_trailers()
    {
        var call = _client.OnceAsync(new Words { Text = "hi" }, new Metadata { { "said", "so" }, { "said-bin", [9, 0, 255] } });

        Assert.Equal("hello", (await call.ResponseHeadersAsync).GetValue("greeting"));
        Assert.Equal("hi", (await call).Text);
        Assert.Equal("so", call.GetTrailers().GetValue("echo"));
        Assert.Equal([9, 0, 255], call.GetTrailers().GetValueBytes("echo-bin"));
    }

    [Fact]
    public async Task A_message_larger_than_any_buffer_comes_back_whole()
    {
        var load = RandomNumberGenerator.GetBytes(40 << 20); // more than Requests.BodyBytes allows other requests
        var answer = await _client.OnceAsync(new Words { Load = ByteString.CopyFrom(load) });
        Assert.True(load.AsSpan().SequenceEqual(answer.Load.Span));
    }

    [Fact]
    public async Task A_server_stream_is_heard_as_it_is_sent()
    {
        using var call = _client.Listen(new Words());
        Assert.True(await call.ResponseStream.MoveNext(Wait.Deadline));
        Assert.Equal("one", call.ResponseStream.Current.Text); // the second message has not been sent yet
        _upstream.Seen.Next.SetResult();
        Assert.True(await call.ResponseStream.MoveNext(Wait.Deadline));
        Assert.Equal("two", call.ResponseStream.Current.Text);
        Assert.False(await call.ResponseStream.MoveNext(Wait.Deadline));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task A_client_stream_is_answered_at_its_end()
    {
        using var call = _client.Tell();
        foreach (var word in new[] { "a", "b", "c" })
        {
            await call.RequestStream.WriteAsync(new Words { Text = word });
        }

        await call.RequestStream.CompleteAsync();
        Assert.Equal("abc", (await call).Text);
    }

    [Fact]
    public async Task Two_streams_talk_in_turn()
    {
        using var call = _client.Chat();
        for (var i = 0; i < 20; i++)
        {
            await call.RequestStream.WriteAsync(new Words { Text = $"{i}" });
            Assert.True(await call.ResponseStream.MoveNext(Wait.Deadline));
            Assert.Equal($"you said {i}", call.ResponseStream.Current.Text);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Wait.Deadline));
    }

    [Fact]
    public async Task A_deadline_reaches_the_upstream_and_ends_the_call()
    {
        var call = _client.OnceAsync(new Words { Text = "wait" }, deadline: TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(2));
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
        Assert.NotNull(_upstream.Seen.Timeout);
        await _upstream.Seen.Cancelled.Task.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task A_cancel_reaches_the_upstream()
    {
        using var cancel = new CancellationTokenSource();
        var call = _client.OnceAsync(new Words { Text = "wait" }, cancellationToken: cancel.Token);
        await _upstream.Seen.Waiting.Task.WaitAsync(Wait.Patience);
        await cancel.CancelAsync();
        await _upstream.Seen.Cancelled.Task.WaitAsync(Wait.Patience);
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(async () => await call)).StatusCode);
    }

    [Fact]
    public async Task An_error_keeps_its_status_its_words_and_its_details()
    {
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await _client.OnceAsync(new Words { Text = "fail" }));
        Assert.Equal(new Status(StatusCode.FailedPrecondition, "not like this: 100 % wröng"), failure.Status);
        Assert.Equal("because", failure.Trailers.GetValue("why"));
        Assert.Equal([0, 1, 255], failure.Trailers.GetValueBytes("detail-bin"));
    }

    [Fact]
    public async Task A_stream_that_the_upstream_drops_never_ends_as_ok()
    {
        using var call = _client.Listen(new Words { Text = "crash" });
        Assert.True(await call.ResponseStream.MoveNext(Wait.Deadline));
        _upstream.Seen.Next.SetResult();
        var failure = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await call.ResponseStream.MoveNext(Wait.Deadline))
            {
            }
        });
        Assert.Equal(StatusCode.Internal, failure.StatusCode); // and not Cancelled, which would be the client's own doing
    }

    [Fact]
    public async Task A_call_that_the_upstream_drops_before_it_answers_is_unavailable()
    {
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await _client.OnceAsync(new Words { Text = "crash" }));
        Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
        Assert.Equal("upstream_connection_reset", failure.Trailers.GetValue("edge-error-code"));
    }

    [Fact]
    public async Task A_dead_upstream_is_unavailable()
    {
        var (edge, channel) = await ConnectAsync("http://127.0.0.1:1/");
        await using var _ = edge;
        using var __ = channel;
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await new Talk.TalkClient(channel).OnceAsync(new Words()));
        Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
    }

    private static async Task<(Edge Edge, GrpcChannel Channel)> ConnectAsync(string upstream)
    {
        var edge = await Edge.StartAsync(Edge.OneRoute(upstream, cluster: Http2), listen: Edge.Http2Only);
        var options = new GrpcChannelOptions { MaxReceiveMessageSize = null, MaxSendMessageSize = null };
        return (edge, GrpcChannel.ForAddress(edge.Address, options));
    }
}
