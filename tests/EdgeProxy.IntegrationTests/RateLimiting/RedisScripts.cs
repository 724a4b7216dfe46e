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

    public ValueTask<ScriptAnswer> TakeAsync(string key, LimitSet limits, long cost, long now) =>
        AskAsync(_take, key, [0, cost], limits, now);

    public ValueTask<ScriptAnswer> LookAsync(string key, LimitSet limits, bool fill, long now) =>
        AskAsync(_look, key, [fill ? 1 : 0], limits, now);

    public async ValueTask ForgetAsync(string key) => await _database.KeyDeleteAsync(key);

    private static RedisScript Of(RedisScript script, Func<string, string> change)
    {
        Assert.Contains(Expiry, script.Text);
        return new RedisScript(change(script.Text).Replace(Expiry, Noted, StringComparison.Ordinal));
    }

    private ValueTask<ScriptAnswer> AskAsync(RedisScript script, string key, List<RedisValue> arguments, LimitSet limits, long now)
    {
        BucketScripts.Add(arguments, limits);
        return AskAsync(script, key, [.. arguments, now]);
    }

    private async ValueTask<ScriptAnswer> AskAsync(RedisScript script, string key, RedisValue[] arguments)
    {
        var reply = script.AskAsync(_database, [key], arguments);
        var lives = _database.StringGetDeleteAsync("lives:" + key);
        return new ScriptAnswer(await reply, await lives is { HasValue: true } written ? (long)written : -1);
    }
}

/// <summary>Two that must give the same answers.</summary>
internal sealed class BothScripts(IBucketScripts one, IBucketScripts two) : IBucketScripts
{
    public ValueTask<ScriptAnswer> LeaseAsync(string key, string node, LeaseAsk ask, LeaseOptions options, long now) =>
        SameAsync(one.LeaseAsync(key, node, ask, options, now), two.LeaseAsync(key, node, ask, options, now));

    public ValueTask<ScriptAnswer> TakeAsync(string key, LimitSet limits, long cost, long now) =>
        SameAsync(one.TakeAsync(key, limits, cost, now), two.TakeAsync(key, limits, cost, now));

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
        Assert.Equal(first.Reply, second.Reply);
        Assert.Equal(first.Lives, second.Lives);
        return first;
    }
}
