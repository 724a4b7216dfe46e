using EdgeProxy.Configuration;
using EdgeProxy.Redis;
using StackExchange.Redis;

namespace EdgeProxy.RateLimiting;

/// <summary>The scripts that work on buckets in Redis, and what they are told alike.</summary>
internal static class BucketScripts
{
    public static readonly RedisScript Take = RedisScript.Load("RateLimiting", "bucket", "take");
    public static readonly RedisScript Lease = RedisScript.Load("RateLimiting", "bucket", "lease");
    public static readonly RedisScript Look = RedisScript.Load("RateLimiting", "bucket", "look");

    /// <summary>Mode of <see cref="Take"/>: charge what has been spent already.</summary>
    public const int Spent = 2;

    public static RedisKey KeyOf(BucketName name, string prefix = StoreOptions.DefaultPrefix) => prefix + name.Digest();

    public static void Add(List<RedisValue> arguments, LimitSet limits)
    {
        arguments.Add(limits.Rates.Length);
        for (var i = 0; i < limits.Rates.Length; i++)
        {
            var rate = limits.Rates[i];
            arguments.Add((int)LimitSet.TagAt(limits.Tags, i));
            arguments.Add(rate.Capacity);
            arguments.Add(rate.Gain);
            arguments.Add(rate.Per);
        }
    }

    public static Levels LevelsOf(ReadOnlySpan<long> reply)
    {
        var levels = default(Levels);
        reply.CopyTo(levels);
        return levels;
    }
}
