using System.Collections.Immutable;

namespace EdgeProxy.Configuration;

/// <summary>Where buckets are kept: by a connection string, by keys of its own, or by both where they do not say the same.</summary>
internal sealed record StoreOptions
{
    public const string DefaultPrefix = "rl:";

    /// <summary>StackExchange.Redis connection string. Null, and no <see cref="Endpoints"/>: this process's memory.</summary>
    public string? Redis { get; init; }

    /// <summary>Servers of the store, `host` or `host:port`; with <see cref="ServiceName"/> its Sentinels.</summary>
    public ImmutableArray<string> Endpoints { get; init; } = [];

    public string? User { get; init; }

    public string? Password { get; init; }

    /// <summary>Null: what the connection string says, else no TLS.</summary>
    public StoreTlsOptions? Tls { get; init; }

    /// <summary>Name under which Sentinels know the primary.</summary>
    public string? ServiceName { get; init; }

    /// <summary>0 to 65535; null: what the connection string says, else 0.</summary>
    public int? Database { get; init; }

    /// <summary>What every key begins with. Default `rl:`.</summary>
    public string KeyPrefix { get; init; } = DefaultPrefix;

    /// <summary>How long a request waits for the store. 1 ms to 1 s; default 5 ms.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>The addresses as the configuration writes them, in the order in which they are used: these may be shown.</summary>
    public ImmutableArray<string> Written { get; init; } = [];

    /// <summary>What came from variables and would show up in messages of the store. Never to be shown.</summary>
    public ImmutableArray<string> Hidden { get; init; } = [];

    public bool IsShared => Redis is not null || Endpoints.Length > 0;
}

/// <summary>TLS toward the store.</summary>
internal sealed record StoreTlsOptions
{
    public bool Enabled { get; init; } = true;

    /// <summary>Name that the server's certificate is for; null: the address that is connected to.</summary>
    public string? Host { get; init; }

    /// <summary>PEM file of the authorities that are trusted, and no others; null: those that the system trusts.</summary>
    public string? CaPath { get; init; }

    /// <summary>Certificate and key to present; null: none.</summary>
    public CertificateOptions? Certificate { get; init; }
}
