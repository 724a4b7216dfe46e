using System.Net;
using System.Net.Sockets;
using EdgeProxy.Redis;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>Names of the store's servers, and a resolver that does as the test says.</summary>
public sealed class StoreNamesTests
{
    private static readonly DnsEndPoint Known = new("known", 1);
    private static readonly DnsEndPoint Unknown = new("unknown", 1);

    private readonly StoreNames _names;
    private TaskCompletionSource<IPAddress[]>? _slow;
    private IPAddress _address = IPAddress.Loopback;
    private int _asked;

    public StoreNamesTests() => _names = new StoreNames(Resolve);

    [Fact]
    public async Task A_name_that_cannot_be_resolved_is_the_reason_only_where_no_other_server_is_left()
    {
        await Assert.ThrowsAsync<SocketException>(() => _names.GetSocketConnectEndpointAsync(Unknown, CancellationToken.None).AsTask());
        await _names.GetSocketConnectEndpointAsync(Known, CancellationToken.None);

        Assert.Equal("the name cannot be resolved", _names.FailureOf([Unknown]));
        Assert.Null(_names.FailureOf([Unknown, Known]));
        Assert.Null(_names.FailureOf([new IPEndPoint(IPAddress.Loopback, 1)]));
    }

    [Fact]
    public async Task A_slow_resolver_is_asked_once_and_named_when_it_takes_too_long()
    {
        _slow = new TaskCompletionSource<IPAddress[]>();
        using var over = new CancellationTokenSource();
        var first = _names.GetSocketConnectEndpointAsync(Known, over.Token).AsTask();
        var second = _names.GetSocketConnectEndpointAsync(Known, CancellationToken.None).AsTask();
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.Equal("the name cannot be resolved in time", _names.FailureOf([Known]));

        _slow.SetResult([IPAddress.Loopback]);
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 1), await second);
        Assert.Equal((1, null), (_asked, _names.FailureOf([Known])));
    }

    [Fact]
    public async Task A_name_leads_elsewhere_once_the_address_in_use_is_not_among_its_addresses()
    {
        Assert.False(await _names.LeadElsewhereAsync([Known], CancellationToken.None)); // never used
        await _names.GetSocketConnectEndpointAsync(Known, CancellationToken.None);
        Assert.False(await _names.LeadElsewhereAsync([Known], CancellationToken.None));
        _address = IPAddress.Parse("127.0.0.2");
        Assert.True(await _names.LeadElsewhereAsync([Known], CancellationToken.None));
        await _names.GetSocketConnectEndpointAsync(Known, CancellationToken.None);
        Assert.False(await _names.LeadElsewhereAsync([Known], CancellationToken.None));
    }

    private Task<IPAddress[]> Resolve(string host, CancellationToken cancellation)
    {
        _asked++;
        return host == Unknown.Host ? Task.FromException<IPAddress[]>(new SocketException((int)SocketError.HostNotFound))
            : _slow?.Task ?? Task.FromResult<IPAddress[]>([_address]);
    }
}
