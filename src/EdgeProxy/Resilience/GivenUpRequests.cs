using Microsoft.AspNetCore.Connections.Features;

namespace EdgeProxy.Resilience;

/// <summary>
/// How many requests one HTTP/2 connection of a client's has given up before they had a response: each is a reset that its
/// destination counts, and may end a connection for that others share.
/// </summary>
internal sealed class GivenUpRequests(TimeProvider time)
{
    /// <summary>So many at once are no cause for anything: a page that is left takes its requests with it.</summary>
    public const int Burst = 100;

    /// <summary>So many are forgotten in a second.</summary>
    public const int PerSecond = 10;

    private static readonly object Key = new();

    private readonly Lock _sync = new();
    private long _countedAt = time.GetTimestamp();
    private double _count;

    /// <summary>
    /// Counts a request. Beyond the burst the client is asked to leave; who goes on is cut off, unless it speaks for many.
    /// </summary>
    public static void Count(HttpContext client, TimeProvider time)
    {
        if (!HttpProtocol.IsHttp2(client.Request.Protocol) || client.Features.Get<IConnectionItemsFeature>()?.Items is not { } items)
        {
            return;
        }

        GivenUpRequests requests;
        lock (items)
        {
            requests = items.TryGetValue(Key, out var known) ? (GivenUpRequests)known! : new GivenUpRequests(time);
            items[Key] = requests;
        }

        switch (requests.Add())
        {
            case > 2 * Burst when !client.Edge().PeerIsTrusted:
                client.Features.Get<IConnectionLifetimeFeature>()?.Abort();
                break;
            case > Burst:
                client.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
                break;
        }
    }

    /// <returns>How many there are now that are not forgotten.</returns>
    public double Add()
    {
        lock (_sync)
        {
            var now = time.GetTimestamp();
            _count = Math.Max(0, _count - (PerSecond * time.GetElapsedTime(_countedAt, now).TotalSeconds)) + 1;
            _countedAt = now;
            return _count;
        }
    }
}
