using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using EdgeProxy.Configuration;
using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>
/// Makes connections to the store, by name and by what Sentinels say now, and knows why the last one could not be had. All of it waits
/// without a thread: while a primary hangs, requests have the pool for themselves.
/// </summary>
internal sealed class StoreConnector(StoreOptions store, StoreNames names, TimeProvider time)
{
    /// <summary>For a server that turns a client away, and says so before it is asked.</summary>
    private static readonly TimeSpan Greeting = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    private readonly ConfigurationOptions _configured = RedisOptions.Create(store, names);
    private readonly Lock _lock = new();
    private string? _failure;
    private string? _greeting;
    private bool _isTurnedAway;
    private EndPoint? _primary;

    /// <summary>Where the store is, as far as known: what Sentinels say, else what the configuration says.</summary>
    public IReadOnlyList<EndPoint> EndPoints => _primary is { } primary ? [primary] : [.. _configured.EndPoints];

    /// <summary>The servers that are named are Sentinels.</summary>
    public bool HasSentinels => _configured.ServiceName is not null;

    /// <summary>Why the last attempt to connect was in vain; null: it was not, or nobody has said.</summary>
    public string? Failure
    {
        get
        {
            lock (_lock)
            {
                return names.FailureOf(EndPoints) ?? (_isTurnedAway ? _greeting ?? _failure : _failure);
            }
        }
    }

    /// <summary>Null: there is nobody to connect to yet. Else the connection may be one that is still being made.</summary>
    public async Task<ConnectionMultiplexer?> ConnectAsync(CancellationToken cancellation)
    {
        var options = RedisOptions.Create(store, names);
        if (HasSentinels)
        {
            var (primary, failure) = await Sentinels.FindAsync(_configured, store.Tls, names, time, cancellation);
            if (primary is null)
            {
                Say(failure, isTurnedAway: false);
                return null;
            }

            options.ServiceName = null;
            options.EndPoints.Clear();
            options.EndPoints.Add(_primary = primary);
        }

        options.ConnectionAttemptCompleted += (_, attempt) => Note(attempt);
        try
        {
            return await ConnectionMultiplexer.ConnectAsync(options);
        }
        catch (Exception exception) when (exception is RedisException or IOException or SocketException or AuthenticationException)
        {
            Say(ConnectFailure.Describe(exception), isTurnedAway: false);
            return null;
        }
    }

    /// <summary>Sentinels name another primary than the one connected to, or its name leads elsewhere.</summary>
    public async Task<bool> HasMovedAsync(CancellationToken cancellation)
    {
        if (HasSentinels)
        {
            var (primary, _) = await Sentinels.FindAsync(_configured, store.Tls, names, time, cancellation);
            if (primary is not null && !primary.Equals(_primary))
            {
                return true;
            }
        }

        return await names.LeadElsewhereAsync(EndPoints, cancellation);
    }

    /// <summary>As <see cref="Failure"/>; a server that turns clients away is asked why, which the client library drops.</summary>
    public async Task<string?> ExplainAsync(CancellationToken cancellation)
    {
        if (!_isTurnedAway)
        {
            return Failure;
        }

        using var over = new CancellationTokenSource(Patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellation);
        try
        {
            await using var client = await RespClient.ConnectAsync(EndPoints[0], _configured, store.Tls, names, both.Token);
            var greeting = await client.GreetingAsync(Greeting, time, both.Token);
            _greeting = greeting is ['-', .. var refusal] ? $"it answers \"{refusal}\"" : null;
        }
        catch (Exception exception) when (exception
            is SocketException or IOException or AuthenticationException or CryptographicException or OperationCanceledException)
        {
            _greeting = null;
        }

        return Failure;
    }

    private void Note(ConnectionAttemptCompletedEventArgs attempt)
    {
        if (attempt.ConnectionType != ConnectionType.Interactive)
        {
            return;
        }

        var failure = attempt.IsSuccess ? null : ConnectFailure.Describe(
            attempt.Stage, attempt.FailureType,
            attempt.ServerCertificatePolicyErrors, attempt.ServerCertificateChainStatus, attempt.Exception);
        if (attempt.IsSuccess || failure is not null)
        {
            lock (_lock)
            {
                _failure = failure;
                _isTurnedAway = attempt is { Stage: ConnectionAttemptStage.Handshake, IsSuccess: false }
                    && attempt.FailureType is ConnectionFailureType.SocketClosed or ConnectionFailureType.SocketFailure;
            }
        }
    }

    private void Say(string? failure, bool isTurnedAway)
    {
        lock (_lock)
        {
            (_failure, _isTurnedAway) = (failure, isTurnedAway);
        }
    }
}
