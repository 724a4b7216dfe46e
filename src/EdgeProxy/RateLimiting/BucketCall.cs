using EdgeProxy.Configuration;
using EdgeProxy.Redis;
using StackExchange.Redis;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// One request's question to the shared store. It keeps to itself until it is answered: when the answer comes too late, the
/// request has gone on with its verdict.
/// </summary>
internal sealed class BucketCall
{
    private const long NotAsked = 3;

    private readonly RedisStore _store;
    private readonly long _cost;
    private readonly int[] _order;
    private readonly RedisKey[] _keys;
    private readonly LimitSet[] _sets;
    private readonly bool[] _isShadow;

    /// <summary>Policies in shadow come last: they are taken from only when all others admit.</summary>
    public BucketCall(RedisStore store, BucketTake[] takes, long cost = Rate.Token, string prefix = StoreOptions.DefaultPrefix)
    {
        _cost = cost;
        _store = store;
        _order =
        [
            .. Enumerable.Range(0, takes.Length)
                .Where(i => takes[i] is { Limits: not null, Outcome: TakeOutcome.NotAsked }).OrderBy(i => takes[i].IsShadow),
        ];
        _keys = Array.ConvertAll(_order, i => BucketScripts.KeyOf(takes[i].Name, prefix));
        _sets = Array.ConvertAll(_order, i => takes[i].Limits!);
        _isShadow = Array.ConvertAll(_order, i => takes[i].IsShadow);
    }

    public StoreServer First => _store.ServerOf(_keys[0]);

    /// <summary>Whose turn it is where keys lie in different slots; null when one server is asked for all.</summary>
    public StoreTurn? Turn { get; private set; }

    /// <summary>All in one call where the keys share a slot; else one after the other, and back if one refuses.</summary>
    public Task<long[]> RunAsync(IDatabase database) => Turn is null
        ? BucketScripts.Take.AskAsync(database, _keys, Arguments(_cost, 0, _keys.Length))
        : RunInOrderAsync(database, Turn);

    /// <summary>Finds out who is to be asked; before <see cref="RunAsync"/>.</summary>
    public BucketCall Plan()
    {
        Turn = _store.ShareSlot(_keys) ? null : new StoreTurn { Server = First };
        return this;
    }

    public void Apply(RateLimitVerdict verdict, long[] reply)
    {
        var at = 0;
        for (var i = 0; i < _order.Length; i++)
        {
            ref var take = ref verdict.Takes[_order[i]];
            take.Source = DecisionSource.Store;
            take.Outcome = reply[at++] switch
            {
                0 => TakeOutcome.Refused,
                1 => TakeOutcome.Admitted,
                2 => TakeOutcome.GivenBack,
                _ => TakeOutcome.NotAsked,
            };
            take.HasLevels = take.Outcome != TakeOutcome.NotAsked;
            for (var j = 0; j < _sets[i].Rates.Length; j++)
            {
                take.Levels[j] = reply[at++];
            }
        }

        foreach (ref var take in verdict.Takes)
        {
            if (take.Limits is null)
            {
                (take.Source, take.Outcome) = (DecisionSource.Unlimited, TakeOutcome.Admitted);
            }
        }

        verdict.Decide();
    }

    /// <summary>What the script is told, for the keys from <paramref name="first"/> on.</summary>
    public RedisValue[] Arguments(long cost, int first, int count)
    {
        var arguments = new List<RedisValue>(count * 7);
        for (var i = first; i < first + count; i++)
        {
            arguments.Add(_isShadow[i] ? 1 : 0);
            arguments.Add(cost);
            BucketScripts.Add(arguments, _sets[i]);
        }

        return [.. arguments];
    }

    private async Task<long[]> RunInOrderAsync(IDatabase database, StoreTurn turn)
    {
        var replies = new long[_keys.Length][];
        var refused = false;
        for (var i = 0; i < _keys.Length; i++)
        {
            turn.Server = _store.ServerOf(_keys[i]);
            replies[i] = refused
                ? [NotAsked, .. new long[_sets[i].Rates.Length]]
                : await BucketScripts.Take.AskAsync(database, [_keys[i]], Arguments(_cost, i, 1));
            refused |= !_isShadow[i] && replies[i][0] == 0;
        }

        for (var i = 0; refused && i < _keys.Length; i++)
        {
            if (replies[i][0] == 1)
            {
                turn.Server = _store.ServerOf(_keys[i]);
                replies[i] = await BucketScripts.Take.AskAsync(database, [_keys[i]], Arguments(-_cost, i, 1));
                replies[i][0] = 2;
            }
        }

        return [.. replies.SelectMany(reply => reply)];
    }
}
