using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using StackExchange.Redis;

namespace EdgeProxy.Configuration;

/// <summary>What must hold in `Edge.Store` beyond types and ranges. Nothing of a connection string is ever shown.</summary>
internal static class StoreChecks
{
    private static readonly string[] NeedServer = ["User", "Password", "Tls", "ServiceName", "Database"];
    private static readonly string[] Secrets = ["User", "Password"];

    public static void Check(Section store, FaultList faults, bool looksAtFiles)
    {
        CheckEndpoints(store, faults);
        var redis = store.Find("Redis") as ScalarNode;
        var options = redis is { Text.Length: > 0 } ? Parse(redis, faults) : null;
        CheckKeys(store, options, faults);
        CheckTls(store.Object("Tls"), faults, looksAtFiles);
        foreach (var key in Secrets)
        {
            if (store.Find(key) is ScalarNode { WasBlank: true } blank)
            {
                faults.Error(FaultCodes.InvalidValue, blank, "this is white space and nothing else");
            }
        }

        if (redis is null && !store.Has("Endpoints") && !store.IsUnknown("Redis")
            && NeedServer.FirstOrDefault(store.Has) is { } needy)
        {
            faults.Error(
                FaultCodes.InvalidStore, store.Node!.Place, store.Node.PathOf(needy),
                "neither Endpoints nor Redis says where the store is");
        }
    }

    private static ConfigurationOptions? Parse(ScalarNode redis, FaultList faults)
    {
        if (!redis.IsOneVariable && redis.Variables.Any(value => value.Contains(',', StringComparison.Ordinal)))
        {
            faults.Error(
                FaultCodes.InvalidStore, redis,
                "a variable that is a part of the string has a comma in it, which would end that part; give the value a key of its own "
                + "(Endpoints, User, Password), or put the whole string into one variable");
            return null;
        }

        // An address of another kind of client, which the library takes for the name of a server.
        if (!redis.Text.Contains("://", StringComparison.Ordinal) && TryParse(redis.Text) is { } options)
        {
            return options;
        }

        faults.Error(
            FaultCodes.InvalidStore, redis,
            "this is not a StackExchange.Redis connection string such as \"127.0.0.1:6379\"",
            redis.IsExpanded ? null : AddressText.SuggestStore(redis.Text));
        return null;
    }

    private static ConfigurationOptions? TryParse(string text)
    {
        try
        {
            return ConfigurationOptions.Parse(text) is { EndPoints.Count: > 0 } options ? options : null;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException)
        {
            return null;
        }
    }

    private static void CheckEndpoints(Section store, FaultList faults)
    {
        foreach (var endpoint in store.Scalars("Endpoints"))
        {
            if (TryParse(endpoint.Text) is null)
            {
                faults.Error(FaultCodes.InvalidStore, endpoint, $"{endpoint.Shown} is not an address such as redis.example:6379");
            }
        }
    }

    /// <summary>What a key of its own says, the connection string does not say too.</summary>
    private static void CheckKeys(Section store, ConfigurationOptions? options, FaultList faults)
    {
        if (options is null)
        {
            return;
        }

        (string Key, bool IsSaid)[] both =
        [
            ("Endpoints", true), ("User", options.User is not null), ("Password", options.Password is not null),
            ("ServiceName", options.ServiceName is not null), ("Database", options.DefaultDatabase is not null),
            ("Tls", options.Ssl || options.SslHost is not null),
        ];
        foreach (var (key, isSaid) in both)
        {
            if (isSaid && store.Find(key) is { } node)
            {
                faults.Error(FaultCodes.ConflictingKeys, node, $"Redis says what {key} says: leave one of them out");
            }
        }
    }

    private static void CheckTls(Section tls, FaultList faults, bool looksAtFiles)
    {
        if (tls.Find("KeyPath") is { } key && !tls.Has("CertificatePath") && !tls.IsUnknown("CertificatePath"))
        {
            faults.Error(FaultCodes.ConflictingKeys, key, "KeyPath has no CertificatePath that it is the key of");
        }

        if (!looksAtFiles)
        {
            return;
        }

        if (tls.Find("CaPath") is ScalarNode ca && !HasCertificate(EdgeSection.PathOf(tls, "CaPath")!))
        {
            faults.Error(FaultCodes.InvalidCertificate, ca, $"{ca.Shown} is not a readable PEM file with certificates");
        }

        EdgeChecks.CheckCertificate(tls, faults, "CertificatePath")?.Dispose();
    }

    private static bool HasCertificate(string path)
    {
        try
        {
            var found = new X509Certificate2Collection();
            if (FileKind.OtherThanFile(path) is null)
            {
                found.ImportFromPemFile(path);
            }

            return found.Count > 0;
        }
        catch (Exception exception) when (exception is CryptographicException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
