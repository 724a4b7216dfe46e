using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>How the edge talks to Redis: the user's connection string, and what the edge needs for itself.</summary>
internal static class RedisOptions
{
    /// <summary>A connection attempt that takes longer is given up and made again, in milliseconds.</summary>
    private const int LongestConnect = 500;

    public static ConfigurationOptions Parse(string connectionString)
    {
        var options = ConfigurationOptions.Parse(connectionString);
        options.AbortOnConnectFail = false;                     // start without Redis, and find it later
        options.BacklogPolicy = BacklogPolicy.FailFast;         // a command that cannot go out now must not go out later
        options.ConnectTimeout = Math.Min(options.ConnectTimeout, LongestConnect);
        options.ReconnectRetryPolicy = new LinearRetry(LongestConnect / 2);
        options.HeartbeatInterval = TimeSpan.FromMilliseconds(LongestConnect / 2); // how soon a lost connection is made again
        options.IncludeDetailInExceptions = false;              // nobody reads it, and the request would wait for its making
        options.ClientName ??= "edgeproxy";
        return options;
    }
}
