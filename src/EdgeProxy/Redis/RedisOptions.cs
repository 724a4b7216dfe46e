using System.Net;
using EdgeProxy.Configuration;
using StackExchange.Redis;
using StackExchange.Redis.Configuration;

namespace EdgeProxy.Redis;

/// <summary>How the edge talks to Redis: what the configuration says, and what the edge needs for itself.</summary>
internal static class RedisOptions
{
    /// <summary>A connection attempt that takes longer is given up and made again, in milliseconds.</summary>
    private const int LongestConnect = 500;

    private const int RedisPort = 6379;
    private const int SentinelPort = 26_379;

    /// <param name="names">Resolves names for each connection anew; null: the client does as it likes.</param>
    public static ConfigurationOptions Create(StoreOptions store, Tunnel? names = null)
    {
        var options = store.Redis is { } redis ? ConfigurationOptions.Parse(redis) : new ConfigurationOptions();
        foreach (var endpoint in store.Endpoints)
        {
            options.EndPoints.Add(endpoint);
        }

        var port = (store.ServiceName ?? options.ServiceName) is not null ? SentinelPort : store.Redis is null ? RedisPort : 0;
        for (var i = 0; port > 0 && i < options.EndPoints.Count; i++)
        {
            options.EndPoints[i] = WithPort(options.EndPoints[i], port);
        }

        options.User = store.User ?? options.User;
        options.Password = store.Password ?? options.Password;
        options.ServiceName = store.ServiceName ?? options.ServiceName;
        options.DefaultDatabase = store.Database ?? options.DefaultDatabase;
        StoreTls.Apply(store.Tls, options);
        options.AbortOnConnectFail = false;                     // start without Redis, and find it later
        options.BacklogPolicy = BacklogPolicy.FailFast;         // a command that cannot go out now must not go out later
        options.ConnectTimeout = Math.Min(options.ConnectTimeout, LongestConnect);
        options.ReconnectRetryPolicy = new LinearRetry(LongestConnect / 2);
        options.HeartbeatInterval = TimeSpan.FromMilliseconds(LongestConnect / 2); // how soon a lost connection is made again
        options.IncludeDetailInExceptions = false;              // nobody reads it, and the request would wait for its making
        options.ClientName ??= "edgeproxy";
        options.Tunnel ??= names;
        return options;
    }

    private static EndPoint WithPort(EndPoint endpoint, int port) => endpoint switch
    {
        DnsEndPoint { Port: 0 } name => new DnsEndPoint(name.Host, port),
        IPEndPoint { Port: 0 } address => new IPEndPoint(address.Address, port),
        _ => endpoint,
    };
}
