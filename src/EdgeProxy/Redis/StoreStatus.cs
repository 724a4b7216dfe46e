using System.Net;
using EdgeProxy.Configuration;
using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>How the store does, in words: for the log and for `GET /v1/store`. What came from a variable is in none of them.</summary>
internal sealed class StoreStatus(
    StoreOptions options, RedisStore store, StoreServers servers, StoreConnector connector, CallDeadlines deadlines, TimeProvider time)
{
    /// <summary>Shorter ones would take away more than they hide.</summary>
    private const int ShortestHidden = 3;

    private readonly Dictionary<EndPoint, string> _written = Shown(options);
    private readonly string[] _hidden =
        [.. options.Hidden.Where(value => value.Length >= ShortestHidden).OrderByDescending(value => value.Length)];

    /// <summary>Since when the store is as it is.</summary>
    public DateTimeOffset Since { get; private set; } = time.GetUtcNow();

    /// <summary>slow: answers are late; silent: connected, and no answer; error: it refuses; connection: there is none. Null: up.</summary>
    public string? Reason { get; private set; } = "connection";

    /// <summary>The reason in a sentence.</summary>
    public string? Detail { get; private set; }

    public void IsUp()
    {
        if (Reason is not null)
        {
            (Reason, Detail, Since) = (null, null, time.GetUtcNow());
        }
    }

    /// <param name="refusal">What the server has answered instead of an answer.</param>
    /// <param name="isConnected">A connection is there.</param>
    /// <param name="failure">Why there is none.</param>
    public void IsDown(string? refusal, bool isConnected, string? failure)
    {
        var (reason, detail) = Why(refusal, isConnected, failure);
        Since = Reason is null ? time.GetUtcNow() : Since;
        (Reason, Detail) = (reason, Hide(detail));
    }

    /// <summary>Where those are that cannot be asked, as the configuration writes it.</summary>
    public string Places() => string.Join(", ", store.Silent(connector.EndPoints).Select(Show).Distinct());

    public string Show(EndPoint endpoint) => _written.GetValueOrDefault(endpoint) ?? EndPointCollection.ToString(endpoint);

    private (string Reason, string Detail) Why(string? refusal, bool isConnected, string? failure)
    {
        if (refusal is not null)
        {
            return ("error", $"it answers \"{refusal}\"");
        }

        if (!isConnected)
        {
            return ("connection", failure is null ? "no connection" : $"no connection ({failure})");
        }

        var worst = servers.All.Where(server => !server.IsUp).MinBy(server => server.HeardAt);
        return worst is null || store.IsSilent(worst)
            ? ("silent", "connected, but no answer at all"
                + (worst is { HeardAt: not 0 } ? $" for {time.GetElapsedTime(worst.HeardAt).TotalSeconds:F0} s" : ""))
            : ("slow", $"no answer within {deadlines.Longest.TotalMilliseconds} ms; "
                + $"the last one took {worst.Took.TotalMilliseconds:F1} ms");
    }

    private string Hide(string text)
    {
        foreach (var value in _hidden)
        {
            text = text.Replace(value, "…", StringComparison.OrdinalIgnoreCase);
        }

        return text;
    }

    /// <summary>An address of which a part comes from a variable is shown as it is written.</summary>
    private static Dictionary<EndPoint, string> Shown(StoreOptions options)
    {
        var endpoints = RedisOptions.Create(options).EndPoints;
        var shown = new Dictionary<EndPoint, string>();
        for (var i = 0; i < endpoints.Count && options.Written.Length > 0; i++)
        {
            var written = options.Written[Math.Min(i, options.Written.Length - 1)];
            if (written.Contains("${", StringComparison.Ordinal))
            {
                shown[endpoints[i]] = written;
            }
        }

        return shown;
    }
}
