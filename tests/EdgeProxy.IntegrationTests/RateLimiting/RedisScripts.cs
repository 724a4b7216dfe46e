using EdgeProxy.RateLimiting;
using EdgeProxy.Redis;
using EdgeProxy.Tests.RateLimiting;
using StackExchange.Redis;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>
/// The product's scripts on a real Redis, told what time it is. How long a key would live is written beside it instead of being left to
/// the clock of the server, which knows nothing of the test's.
/// </summary>
internal sealed class RedisScripts : IBucketScripts
{
    private const string Expiry = "redis.call('SET', key, cmsgpack.pack(s), 'PX', string.format('%.0f', left))";
    private const string Noted =
        "redis.call('SET', key, cmsgpack.pack(s)); redis.call('SET', 'lives:' .. key, string.format('%.0f', left))";

    private readonly IDatabase _database;
    private readonly RedisScript _lease;
    private readonly RedisScript _take;
    private readonly RedisScript _look;

    private RedisScripts(IDatabase database, Func<string, string> change)
    {
        _database = database;
        (_lease, _take, _look) = (Of(BucketScripts.Lease, change), Of(BucketScripts.Take, change), Of(BucketScripts.Look, change));
    }

    /// <param name="database">Where.</param>
    /// <param name="change">Breaks the text of the scripts, to see whether anybody notices.</param>
    public static async Task<RedisScripts> LoadAsync(IDatabase database, Func<string, string> change)
    {
        var scripts = new RedisScripts(database, change);
        foreach (var script in new[] { scripts._lease, scripts._take, scripts._look })
        {
            await database.ExecuteAsync("SCRIPT", "LOAD", script.Text);
        }

        return scripts;
    }

    public ValueTask<ScriptAnswer> LeaseAsync(string key, string node, LeaseAsk ask, LeaseOptions options, long now) =>
        AskAsync(_lease, key, [.. RedisLeaseStore.Arguments(node, ask, options), now]);

    public async ValueTask<ScriptAnswer[]> TakeAsync(ScriptTake[] takes, long now)
    {
        var arguments = new List<RedisValue>();
        foreach (var take in takes)
        {
            arguments.Add(take.Mode);
            arguments.Add(take.Cost);
            BucketScripts.Add(arguments, take.Limits);
        }

        var asked = _take.AskAsync(_database, Array.ConvertAll(takes, take => (RedisKey)take.Key), [.. arguments, now]);
        var lives = Array.ConvertAll(takes, take => _database.StringGetDeleteAsync("lives:" + take.Key));
        var (reply, at, answers) = (await asked, 0, new ScriptAnswer[takes.Length]);
        for (var i = 0; i < takes.Length; i++)
        {
            var end = at + 1 + takes[i].Limits.Rates.Length;
            (answers[i], at) = (new ScriptAnswer(reply[at..end], LivesOf(await lives[i])), end);
        }

        return answers;
    }

    public ValueTask<ScriptAnswer> LookAsync(string key, LimitSet limits, bool fill, long now)
    {
        var arguments = new List<RedisValue> { fill ? 1 : 0 };
        BucketScripts.Add(arguments, limits);
        return AskAsync(_look, key, [.. arguments, now]);
    }

    public async ValueTask ForgetAsync(string key) => await _database.KeyDeleteAsync(key);

    private static RedisScript Of(RedisScript script, Func<string, string> change)
    {
        Assert.Contains(Expiry, script.Text);
        return new RedisScript(change(script.Text).Replace(Expiry, Noted, StringComparison.Ordinal));
    }

    private async ValueTask<ScriptAnswer> AskAsync(RedisScript script, string key, RedisValue[] arguments)
    {
        var reply = script.AskAsync(_database, [key], arguments);
        var lives = _database.StringGetDeleteAsync("lives:" + key);
        return new ScriptAnswer(await reply, LivesOf(await lives));
    }

    private static long LivesOf(RedisValue written) => written.HasValue ? (long)written : -1;
}

/// <summary>Two that must give the same answers.</summary>
internal sealed class BothScripts(IBucketScripts one, IBucketScripts two) : IBucketScripts
{
    public ValueTask<ScriptAnswer> LeaseAsync(string key, string node, LeaseAsk ask, LeaseOptions options, long now) =>
        SameAsync(one.LeaseAsync(key, node, ask, options, now), two.LeaseAsync(key, node, ask, options, now));

    public async ValueTask<ScriptAnswer[]> TakeAsync(ScriptTake[] takes, long now)
    {
        var (first, second) = (await one.TakeAsync(takes, now), await two.TakeAsync(takes, now));
        for (var i = 0; i < takes.Length; i++)
        {
            AssertSame(first[i], second[i]);
        }

        return first;
    }

    public ValueTask<ScriptAnswer> LookAsync(string key, LimitSet limits, bool fill, long now) =>
        SameAsync(one.LookAsync(key, limits, fill, now), two.LookAsync(key, limits, fill, now));

    public async ValueTask ForgetAsync(string key)
    {
        await one.ForgetAsync(key);
        await two.ForgetAsync(key);
    }

    private static async ValueTask<ScriptAnswer> SameAsync(ValueTask<ScriptAnswer> one, ValueTask<ScriptAnswer> two)
    {
        var (first, second) = (await one, await two);
        AssertSame(first, second);
        return first;
    }

    private static void AssertSame(in ScriptAnswer one, in ScriptAnswer two)
    {
        Assert.Equal(one.Reply, two.Reply);
        Assert.Equal(one.Lives, two.Lives);
    }
}
