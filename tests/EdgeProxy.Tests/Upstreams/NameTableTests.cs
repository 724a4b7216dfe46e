using System.Net;
using EdgeProxy.Upstreams;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace EdgeProxy.Tests.Upstreams;

public sealed class NameTableTests
{
    private static readonly NameKey Orders = new("orders.example", 5001);
    private static readonly HashSet<NameKey> InUse = [Orders];

    private Func<Task<ResolvedName>> _find = () => Task.FromResult(At("10.0.0.1"));
    private int _lookups;

    [Fact]
    public async Task A_name_that_stands_for_something_else_is_told_once()
    {
        var table = Table();
        Assert.Equal(At("10.0.0.1"), await table.ShowAsync(Orders, TimeSpan.FromSeconds(30)));
        table.Refresh(InUse, TimeSpan.Zero);
        Assert.False(table.Changed.HasChanged);

        _find = () => Task.FromResult(At("10.0.0.2"));
        var before = table.Changed;
        table.Refresh(InUse, TimeSpan.Zero);
        table.Refresh(InUse, TimeSpan.FromHours(1));
        Assert.True(before.HasChanged);
        Assert.False(table.Changed.HasChanged);
        Assert.Equal(At("10.0.0.2"), await table.ShowAsync(Orders, TimeSpan.Zero));
    }

    [Fact]
    public async Task What_was_known_last_stays_while_a_name_is_not_found()
    {
        var table = Table();
        await table.ShowAsync(Orders, TimeSpan.FromSeconds(30));
        foreach (var failure in new Func<Task<ResolvedName>>[]
        {
            () => Task.FromException<ResolvedName>(new InvalidOperationException("no")),
            () => Task.FromResult(At()),
            () => new TaskCompletionSource<ResolvedName>().Task,
        })
        {
            _find = failure;
            table.Refresh(InUse, TimeSpan.Zero);
            Assert.Equal(At("10.0.0.1"), table.Known(Orders.ToString()));
            Assert.False(table.Changed.HasChanged);
        }
    }

    [Fact]
    public async Task A_lookup_that_hangs_is_not_begun_again_and_nobody_waits_for_it_beyond_the_bound()
    {
        _find = () => new TaskCompletionSource<ResolvedName>().Task;
        var table = Table();

        Assert.Null(await table.ShowAsync(Orders, TimeSpan.FromMilliseconds(1)));
        Assert.Null(await table.ShowAsync(Orders, TimeSpan.FromMilliseconds(1)));
        table.Refresh(InUse, TimeSpan.Zero);
        Assert.Equal(1, _lookups);
    }

    [Fact]
    public async Task A_name_is_looked_up_again_after_the_period_or_its_time_to_live_and_forgotten_when_nobody_uses_it()
    {
        var table = Table();
        await table.ShowAsync(Orders, TimeSpan.FromSeconds(30));
        table.Refresh(InUse, TimeSpan.FromHours(1));
        Assert.Equal(1, _lookups);

        _find = () => Task.FromResult(At("10.0.0.1") with { TimeToLive = TimeSpan.FromHours(1) });
        table.Refresh(InUse, TimeSpan.Zero);
        table.Refresh(InUse, TimeSpan.Zero);
        Assert.Equal(2, _lookups);

        table.Refresh(new HashSet<NameKey>(), TimeSpan.FromHours(1));
        Assert.Null(table.Known(Orders.ToString()));
    }

    [Fact]
    public void A_name_s_addresses_of_IPv4_are_its_endpoints_and_those_of_IPv6_other_ways_there()
    {
        IPEndPoint[] found = [new(IPAddress.Parse("::1"), 80), new(IPAddress.Parse("10.0.0.2"), 80), new(IPAddress.Parse("10.0.0.1"), 80)];

        var both = ResolvedName.Of(found);
        Assert.Equal(["10.0.0.1:80", "10.0.0.2:80"], both.Endpoints.Select(one => one.ToString()));
        Assert.Equal(["[::1]:80"], both.Others.Select(one => one.ToString()));
        Assert.Equal(["[::1]:80"], ResolvedName.Of(found[..1]).Endpoints.Select(one => one.ToString()));
    }

    private static ResolvedName At(params string[] addresses) =>
        ResolvedName.Of(addresses.Select(address => new IPEndPoint(IPAddress.Parse(address), 5001)));

    private NameTable Table() => new(
        _ =>
        {
            _lookups++;
            return _find();
        },
        TimeProvider.System,
        NullLogger<NameTable>.Instance);
}
