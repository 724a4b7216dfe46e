namespace EdgeProxy.Configuration;

/// <summary>Key `Store` of `Edge`.</summary>
internal static class StoreSection
{
    /// <summary>What may hold something that messages of the store would repeat.</summary>
    private static readonly string[] SecretKeys = ["Redis", "User", "Password", "ServiceName"];

    private static readonly TextShape Path = new() { Meaning = "a path, relative to the configuration's folder" };

    private static readonly TextShape Secret = new()
    {
        Pattern = "^[^\\u0000-\\u001f\\u007f]*$",
        Meaning = "text without controls",
        IsSensitive = true,
    };

    private static readonly TextShape Endpoint = new()
    {
        Pattern = "^(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?$",
        Meaning = "an address such as redis.example:6379",
    };

    private static readonly ObjectShape Tls = new(
        new Key("Enabled", new SwitchShape(), "Speak TLS.") { Default = "true" },
        new Key("Host", new TextShape { Pattern = "^[A-Za-z0-9._:-]{1,253}$", Meaning = "a host name" },
            "Name that the server's certificate must be for. Absent: the address that is connected to."),
        new Key("CaPath", Path, "PEM file with the authorities to trust. Absent: those that the system trusts."),
        new Key("CertificatePath", Path, "PEM file with a certificate to present."),
        new Key("KeyPath", Path, "PEM file with its private key; the certificate's own file when absent."));

    public static ObjectShape Shape { get; } = new(
        new Key("Redis", new TextShape { Meaning = "a StackExchange.Redis connection string", IsSensitive = true },
            "Where buckets are kept. The keys below may stand beside it, each in place of its option. Empty, or absent without "
            + "`Endpoints`: in this process's memory, for one node."),
        new Key("Endpoints", new ListShape(Endpoint, 1, 100) { Distinct = true },
            "Servers, each with its port or 6379; with `ServiceName` Sentinels, each with its port or 26379. In place of `Redis`."),
        new Key("User", Secret, "User to sign in as."),
        new Key("Password", Secret, "Its password; any character but controls."),
        new Key("Tls", Tls, "TLS toward the servers, Sentinels included. `{}` is enough where the system trusts their certificates."),
        new Key("ServiceName", new TextShape { Pattern = "^[A-Za-z0-9._-]{1,128}$", Meaning = "a name" },
            "Name of the primary that the Sentinels watch."),
        new Key("Database", new NumberShape(0, 65_535), "Number of the database; a Redis Cluster has 0 alone. Absent: 0."),
        new Key("KeyPrefix", new TextShape { Pattern = "^[A-Za-z0-9._:/-]{1,64}$", Meaning = "at most 64 letters, digits and ._:/-" },
            "What all keys begin with: edges that share limits have the same.")
        { Default = StoreOptions.DefaultPrefix },
        new Key("Deadline", new DurationShape(TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1)),
            "How long a request waits for the store.")
        { Default = "5ms" });

    public static StoreOptions Bind(Section store)
    {
        var redis = store.Text("Redis");
        var tls = store.Object("Tls");
        return new StoreOptions
        {
            Redis = string.IsNullOrWhiteSpace(redis) ? null : redis,
            Endpoints = store.Texts("Endpoints"),
            User = Present(store.Text("User")),
            Password = Present(store.Text("Password")),
            Tls = tls.Exists ? BindTls(tls) : null,
            ServiceName = store.Text("ServiceName"),
            Database = (int?)store.OptionalNumber("Database"),
            KeyPrefix = store.Text("KeyPrefix")!,
            Deadline = store.Duration("Deadline"),
            Written = [.. WrittenIn(store)],
            Hidden = [.. HiddenIn(store)],
        };
    }

    private static StoreTlsOptions BindTls(Section tls) => new()
    {
        Enabled = tls.Switch("Enabled"),
        Host = tls.Text("Host"),
        CaPath = EdgeSection.PathOf(tls, "CaPath"),
        Certificate = tls.Has("CertificatePath") ? EdgeSection.BindCertificate(tls, "CertificatePath") : null,
    };

    /// <summary>A variable that is empty stands for nothing.</summary>
    private static string? Present(string? text) => string.IsNullOrEmpty(text) ? null : text;

    /// <summary>The options of a connection string that are no option are addresses.</summary>
    private static IEnumerable<string> WrittenIn(Section store) => store.Find("Redis") is ScalarNode { Text.Length: > 0 } redis
        ? redis.IsOneVariable ? [redis.Written]
            : redis.Written.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Where(part => !part.Contains('=', StringComparison.Ordinal))
        : store.Scalars("Endpoints").Select(endpoint => endpoint.Written);

    private static IEnumerable<string> HiddenIn(Section store) =>
        SecretKeys.Select(key => store.Find(key)).OfType<ScalarNode>().Concat(store.Scalars("Endpoints"))
            .SelectMany(node => node.Variables)
            .SelectMany(value => value.Split([',', '='], StringSplitOptions.TrimEntries).Append(value))
            .Where(value => value.Length > 0)
            .Distinct();
}
