using System.Diagnostics.Metrics;
using System.Net;
using EdgeProxy.AccessLog;
using EdgeProxy.Configuration;
using EdgeProxy.Tests.Configuration;
using EdgeProxy.Tests.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace EdgeProxy.Tests.AccessLog;

public sealed class DecisionTokensTests
{
    private const string Token = "a-token-of-the-admins";

    private static readonly IMeterFactory Meters =
        new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>();

    private readonly Revision _revision;
    private readonly ManualTime _time = new();
    private readonly DecisionTokens _tokens;

    public DecisionTokensTests()
    {
        var revision = Configurations.Read(Configurations.Document()).Revision!;
        _revision = revision with { Edge = revision.Edge with { Admin = new AdminOptions { Token = Token } } };
        _tokens = new DecisionTokens(new Revisions(_revision), Meters, _time, NullLogger<DecisionTokens>.Instance);
    }

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1", "192.0.2.2")]
    [InlineData("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")]
    public void An_address_with_too_many_wrong_tokens_is_refused_with_the_right_one_for_a_while(string address, string same, string other)
    {
        for (var i = 0; i < DecisionTokens.WrongMax; i++)
        {
            Assert.True(IsPresented(address, Token));
            Assert.False(IsPresented(i % 2 == 0 ? address : same, $"guess-{i}"));
        }

        Assert.False(IsPresented(address, Token));
        Assert.False(IsPresented(same, Token));
        Assert.True(IsPresented(other, Token));
        Pass(DecisionTokens.Period - TimeSpan.FromMilliseconds(1));
        Assert.False(IsPresented(address, Token));
        Pass(TimeSpan.FromMilliseconds(1));
        Assert.True(IsPresented(address, Token));
    }

    [Fact]
    public void Addresses_beyond_those_that_are_counted_share_one_count()
    {
        for (var i = 0; i < DecisionTokens.AddressesMax + DecisionTokens.WrongMax; i++)
        {
            Assert.False(IsPresented($"10.0.{i / 256}.{i % 256}", "guess"));
        }

        Assert.False(IsPresented("192.0.2.1", Token));
        Assert.True(IsPresented("10.0.0.0", Token));
        Pass(DecisionTokens.Period);
        Assert.True(IsPresented("192.0.2.1", Token));
    }

    [Fact]
    public void Wrong_tokens_at_once_are_no_way_past_the_limit()
    {
        var compared = 0;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (instrument.Name == "edgeproxy_decision_tokens_refused_total")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, count, tags, _) =>
            Interlocked.Add(ref compared, tags[0].Value is "wrong" ? (int)count : 0));
        listener.Start();

        Parallel.For(0, 1000, _ => IsPresented("198.51.100.7", "guess"));

        Assert.Equal(DecisionTokens.WrongMax, compared);
    }

    private bool IsPresented(string address, string token)
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = IPAddress.Parse(address);
        context.Request.Headers[EdgeFields.DecisionToken] = token;
        var isPresented = _tokens.IsPresented(context, _revision);
        Assert.False(context.Request.Headers.ContainsKey(EdgeFields.DecisionToken));
        return isPresented;
    }

    private void Pass(TimeSpan time) => _time.Micros += (long)time.TotalMicroseconds;
}
