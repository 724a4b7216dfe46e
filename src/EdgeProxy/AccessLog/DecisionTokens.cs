using System.Diagnostics.Metrics;
using System.Net;
using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using EdgeProxy.Metrics;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.AccessLog;

/// <summary>
/// Checks tokens that ask for the decision record. Anybody can present one on a traffic listener, so wrong ones are counted, logged, and
/// limited for each client address: beyond <see cref="WrongMax"/> in a <see cref="Period"/> its tokens, right or wrong, are refused
/// unread. The request itself goes on as one without a token.
/// </summary>
internal sealed partial class DecisionTokens
{
    /// <summary>Wrong tokens of one address in a period.</summary>
    public const int WrongMax = 10;

    /// <summary>Addresses that are counted one by one; those beyond share one count.</summary>
    public const int AddressesMax = 1024;

    /// <summary>Counts begin anew after it; one line of log in so long.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    private const string Others = "";
    private static readonly KeyValuePair<string, object?> Wrong = new("reason", "wrong");
    private static readonly KeyValuePair<string, object?> Limited = new("reason", "limited");

    private readonly AdminToken? _token;
    private readonly TimeProvider _time;
    private readonly ILogger<DecisionTokens> _logger;
    private readonly Counter<long> _refused;
    private readonly Lock _counting = new();
    private readonly Dictionary<string, int> _wrong = [];
    private long _since;
    private long? _loggedAt;

    public DecisionTokens(Revisions revisions, IMeterFactory meters, TimeProvider time, ILogger<DecisionTokens> logger)
    {
        _token = AdminToken.Of(revisions.First.Edge.Admin);
        _time = time;
        _logger = logger;
        _refused = meters.CreateEdgeMeter().CreateCounter<long>(
            "edgeproxy_decision_tokens_refused_total", description: "Requests whose `X-Edge-Decision-Token` was refused.");
        _refused.Add(0, Wrong);
        _refused.Add(0, Limited);
    }

    /// <summary>
    /// The request presents the token, and may be told. Takes the field from the request, whoever sent it: what is in it may be meant for
    /// the token.
    /// </summary>
    public bool IsPresented(HttpContext context, Revision revision) =>
        _token is { } token
        && context.Request.Headers.ContainsKey(EdgeFields.DecisionToken)
        && context.Request.Headers.Remove(EdgeFields.DecisionToken, out var presented)
        && Is(token, presented, context, revision);

    private bool Is(AdminToken token, StringValues presented, HttpContext context, Revision revision)
    {
        var address = ClientAddress.NameOf(
            ClientAddress.Of(
                context.Connection.RemoteIpAddress ?? IPAddress.None,
                context.Request.Headers["X-Forwarded-For"],
                revision.Edge.TrustedProxies),
            revision.Clients.AnonymousIpv6Prefix);
        bool isLimited, isLogged;
        lock (_counting)
        {
            // The comparison is under the lock: many at once would be more than the limit.
            var now = _time.GetTimestamp();
            var key = KeyOf(address, now);
            var wrong = _wrong.GetValueOrDefault(key);
            isLimited = wrong >= WrongMax;
            if (!isLimited && presented is [{ } one] && token.Is(one))
            {
                return true;
            }

            if (!isLimited)
            {
                _since = _wrong.Count == 0 ? now : _since;
                _wrong[key] = wrong + 1;
            }

            isLogged = _loggedAt is not { } last || _time.GetElapsedTime(last, now) >= Period;
            _loggedAt = isLogged ? now : _loggedAt;
        }

        _refused.Add(1, isLimited ? Limited : Wrong);
        if (isLogged)
        {
            LogRefused(_logger, address);
        }

        return false;
    }

    private string KeyOf(string address, long now)
    {
        if (_wrong.Count > 0 && _time.GetElapsedTime(_since, now) >= Period)
        {
            _wrong.Clear();
        }

        return _wrong.Count < AddressesMax || _wrong.ContainsKey(address) ? address : Others;
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "A wrong X-Edge-Decision-Token came from {Address}; all are counted in edgeproxy_decision_tokens_refused_total")]
    private static partial void LogRefused(ILogger logger, string address);
}
