using System.IO.Pipelines;
using System.Net;
using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using EdgeProxy.Requests;
using EdgeProxy.Shedding;
using EdgeProxy.Tests.Configuration;
using EdgeProxy.Tests.RateLimiting;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.Tests.Shedding;

/// <summary>Which upload gives way at a gate that others need, and when none does.</summary>
public sealed class GateUploadsTests
{
    private static readonly ConcurrencySettings Eight = new() { Max = 8 };
    private static readonly Client Other = Client.At(IPAddress.Parse("10.0.0.99"), 64);

    private readonly ManualTime _time = new();
    private readonly GateUploads _uploads = new();

    [Theory]
    [InlineData(1, 0.25, 1)]
    [InlineData(8, 0.25, 2)]
    [InlineData(100, 0.01, 1)]
    [InlineData(100, 1, 100)]
    [InlineData(null, 1, null)]
    public void A_client_s_share_is_one_request_at_least(int? max, double share, int? most) =>
        Assert.Equal(most, new ConcurrencySettings { Max = max, UploadShare = share }.UploadsMax);

    [Fact]
    public async Task The_upload_that_was_waited_for_longest_of_the_client_with_the_most_gives_way()
    {
        var lone = Enter("10.0.0.1");
        Pass(1);
        var first = Enter("10.0.0.2");
        Pass(0.1);
        var (second, third) = (Enter("10.0.0.2"), Enter("10.0.0.2"));
        Pass(1);

        MakeRoom(waiting: 5);

        await Assert.ThrowsAsync<BadHttpRequestException>(() => first.Read.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(1, _uploads.Leaving);
        MakeRoom(waiting: 5); // the two that are left are its share
        Assert.Equal(1, _uploads.Leaving);
        Assert.All([lone, second, third], upload => Assert.False(upload.Read.IsCompleted));
        _uploads.Leave(first.Upload);
        Assert.Equal(0, _uploads.Leaving);
    }

    [Fact]
    public void No_more_uploads_give_way_than_requests_wait()
    {
        EnterMany("10.0.0.2", 8);
        Pass(2);

        foreach (var waiting in new[] { 0, 1, 1, 2 })
        {
            MakeRoom(waiting);
            Assert.Equal(waiting, _uploads.Leaving);
        }
    }

    [Fact]
    public void However_many_requests_come_at_once_uploads_are_looked_at_ten_times_a_second()
    {
        EnterMany("10.0.0.2", 8);
        Pass(2);

        for (var i = 0; i < 5; i++)
        {
            _uploads.MakeRoom(Other, Eight, waiting: 5, _time.GetElapsedTime(0));
        }

        Assert.Equal(1, _uploads.Leaving);
    }

    [Theory]
    [InlineData("the client that asks", "10.0.0.99", 8, 2)]
    [InlineData("its share", "10.0.0.2", 2, 2)]
    [InlineData("not slow yet", "10.0.0.2", 8, 0.8)]
    public void Uploads_that_harm_nobody_go_on(string which, string address, int count, double seconds)
    {
        EnterMany(address, count);
        Pass(seconds);

        MakeRoom(waiting: 1);

        Assert.True(_uploads.Leaving == 0, which);
    }

    [Fact]
    public void A_bound_that_counts_no_requests_has_no_share()
    {
        EnterMany("10.0.0.2", 8);
        Pass(2);

        _uploads.MakeRoom(Other, new ConcurrencySettings { MaxPerDestination = 1 }, 1, _time.GetElapsedTime(0));

        Assert.Equal(0, _uploads.Leaving);
    }

    [Fact]
    public void Requests_without_a_body_are_not_kept()
    {
        Assert.Null(_uploads.Enter(NewEdge("10.0.0.1")));
        Assert.True(_uploads.IsEmpty);
    }

    [Fact]
    public void A_request_waits_for_the_place_of_an_upload_that_gives_way_even_where_none_may_wait()
    {
        var gate = new Gate(new ConcurrencySettings { Max = 2 });
        var (one, other) = (Enter("10.0.0.2", gate), Enter("10.0.0.2", gate));
        Assert.False(gate.TryQueue(new GateWaiter()));
        Pass(2);
        gate.Uploads.MakeRoom(Other, gate.Bounds, 1, _time.GetElapsedTime(0));
        var waiter = new GateWaiter();

        Assert.True(gate.TryQueue(waiter));
        Assert.False(gate.TryQueue(new GateWaiter()));
        gate.Uploads.Leave(one.Upload);
        gate.Uploads.Leave(other.Upload);
        gate.Leave();

        Assert.True(waiter.Outcome.IsCompleted);
    }

    private void Pass(double seconds) => _time.Micros += (long)(seconds * 1_000_000);

    private void MakeRoom(int waiting)
    {
        Pass(GateUploads.Pause.TotalSeconds);
        _uploads.MakeRoom(Other, Eight, waiting, _time.GetElapsedTime(0));
    }

    private void EnterMany(string address, int count)
    {
        for (var i = 0; i < count; i++)
        {
            Enter(address);
        }
    }

    /// <summary>An upload whose client is waited for.</summary>
    private (GateUpload Upload, Task Read) Enter(string address, Gate? gate = null)
    {
        var edge = NewEdge(address);
        var body = new UploadStream(new Pipe().Reader, long.MaxValue, edge, _time);
        edge.ReceivedBody = body;
        var read = body.ReadAsync(new byte[1], CancellationToken.None).AsTask();
        Assert.True(gate?.TryEnter() ?? true);
        return ((gate?.Uploads ?? _uploads).Enter(edge)!, read);
    }

    private static EdgeContext NewEdge(string address) =>
        new(Configurations.Read(Configurations.Document()).Revision!, "id", startedAt: 0) { ClientAddress = IPAddress.Parse(address) };
}
