using System.Security.Cryptography;
using EdgeProxy.Redis;
using StackExchange.Redis;

namespace EdgeProxy.RateLimiting;

/// <summary>Leases on buckets in Redis: one call of one script on one key, by Redis's clock.</summary>
internal sealed class RedisLeaseStore(RedisStore store, LeaseOptions options) : ILeaseStore
{
    /// <summary>This process. A new one at each start: what the last one held is nobody's and runs out.</summary>
    private readonly RedisValue _node = RandomNumberGenerator.GetHexString(12, lowercase: true);

    public ValueTask<StoreReply<LeaseReply>> AskAsync(BucketName name, in LeaseAsk ask)
    {
        if (!store.IsPartlyUp)
        {
            return new(new StoreReply<LeaseReply>(StoreMiss.Connection, default));
        }

        var key = BucketScripts.KeyOf(name, store.KeyPrefix);
        return store.AskAsync(
            store.ServerOf(key), static (database, call) => RunAsync(database, call.Key, call.Arguments),
            (Key: key, Arguments: Arguments(_node, ask, options)), takesLate: true);
    }

    /// <summary>What the script is told.</summary>
    public static RedisValue[] Arguments(RedisValue node, in LeaseAsk ask, LeaseOptions options)
    {
        var limits = ask.Limits;
        var arguments = new List<RedisValue>(16 + (limits.Rates.Length * 5))
        {
            node, ask.Seq, ask.Ack, ask.Need, ask.First, ask.Want, ask.Demand, ask.Unspent, ask.Returned, ask.Debt, ask.Known ? 1 : 0,
            options.Lease.Ticks / TimeSpan.TicksPerMicrosecond, options.Hoard, options.Least,
        };
        BucketScripts.Add(arguments, limits);
        for (var i = 0; i < limits.Rates.Length; i++)
        {
            arguments.Add(ask.Deficit[i]);
        }

        return [.. arguments];
    }

    public static LeaseReply ReplyOf(long[] reply) => new(
        reply[0] < 0 ? LeaseStatus.Fenced : LeaseStatus.Answered,
        Got: reply[1],
        Granted: reply[2],
        BucketScripts.LevelsOf(reply.AsSpan(7)),
        Outstanding: reply[4],
        Nodes: (int)reply[6]);

    private static async Task<LeaseReply> RunAsync(IDatabase database, RedisKey key, RedisValue[] arguments) =>
        ReplyOf(await BucketScripts.Lease.AskAsync(database, [key], arguments));
}
