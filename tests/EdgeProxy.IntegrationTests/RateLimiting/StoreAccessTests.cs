using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>A Redis that lets in whom it should, by keys of the configuration.</summary>
public sealed class StoreAccessTests : IDisposable
{
    private const string Password = "Xq7w,9pi=aKf \\\"secret";

    private readonly string _folder = Directory.CreateTempSubdirectory("edgeproxy-access-").FullName;

    [Fact]
    public async Task The_keys_of_the_store_sign_in_over_TLS_with_a_certificate_and_write_where_they_say()
    {
        TestCertificate.Write(_folder, "redis", "redis.house");
        var (pem, key) = (Path.Combine(_folder, "redis.pem"), Path.Combine(_folder, "redis.key"));
        var port = RedisServer.FreePort();
        await using var redis = await RedisServer.StartAsync(
            "--tls-port", $"{port}", "--tls-cert-file", pem, "--tls-key-file", key, "--tls-ca-cert-file", pem, "--tls-auth-clients", "yes");
        await using var admin = await redis.ConnectAsync();
        await admin.GetDatabase().ExecuteAsync(
            "ACL", "SETUSER", "edge", "on", ">" + Password.Replace("\\\"", "\"", StringComparison.Ordinal), "~edge1:*", "+@all", "-@admin");
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await StartAsync(upstream, $$"""
            "Endpoints": [ "127.0.0.1:{{port}}" ], "User": "edge", "Password": "{{Password}}", "Database": 3, "KeyPrefix": "edge1:",
            "Tls": { "Host": "redis.house", "CaPath": "{{pem}}", "CertificatePath": "{{pem}}", "KeyPath": "{{key}}" }
            """);

        await SharedLimitsTests.UpAsync(edge);
        using var answer = await edge.Client.GetAsync("/");
        Assert.True(answer.IsSuccessStatusCode);
        var database = admin.GetDatabase(3);
        await Wait.UntilAsync(
            async () => ((string[]?)await database.ExecuteAsync("KEYS", "edge1:*"))!.Length == 2, "the nodes and the bucket are there");
    }

    [Fact]
    public async Task A_certificate_of_another_authority_or_for_another_name_is_not_taken()
    {
        TestCertificate.Write(_folder, "redis", "redis.house");
        TestCertificate.Write(_folder, "other", "redis.house");
        var (pem, key) = (Path.Combine(_folder, "redis.pem"), Path.Combine(_folder, "redis.key"));
        var port = RedisServer.FreePort();
        await using var redis = await RedisServer.StartAsync(
            "--tls-port", $"{port}", "--tls-cert-file", pem, "--tls-key-file", key, "--tls-ca-cert-file", pem, "--tls-auth-clients", "no");
        await using var upstream = await Upstream.StartAsync();
        await using var other = await StartAsync(upstream, $$"""
            "Endpoints": [ "127.0.0.1:{{port}}" ], "Tls": { "Host": "redis.house", "CaPath": "{{Path.Combine(_folder, "other.pem")}}" }
            """);
        await using var name = await StartAsync(upstream, $$"""
            "Endpoints": [ "127.0.0.1:{{port}}" ], "Tls": { "CaPath": "{{pem}}" }
            """);
        await using var system = await StartAsync(upstream, $$"""
            "Endpoints": [ "127.0.0.1:{{port}}" ], "Tls": { "Host": "redis.house" }
            """);
        await using var plain = await StartAsync(upstream, $$"""
            "Endpoints": [ "127.0.0.1:{{port}}" ]
            """);
        await using var secure = await StartAsync(upstream, $$"""
            "Endpoints": [ "127.0.0.1:{{redis.Port}}" ], "Tls": {}
            """);

        await StoreReasonTests.SaysAsync(other, "connection", "TLS: the server's certificate is not trusted");
        await StoreReasonTests.SaysAsync(name, "connection", "TLS: the server's certificate is for another name");
        await StoreReasonTests.SaysAsync(system, "connection", "TLS: the server's certificate is not trusted");
        await StoreReasonTests.SaysAsync(plain, "connection", "it may want TLS");
        await StoreReasonTests.SaysAsync(secure, "connection", "TLS: the handshake failed");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static Task<Edge> StartAsync(Upstream upstream, string keys) => Edge.StartAsync(
        """
        "RateLimits": { "standard": { "Per": "Global", "Decide": "Strict",
          "Limits": [ { "Name": "day", "Capacity": 10, "Refill": 1, "Every": "1h" } ] } },
        """ + Edge.OneRoute(upstream.Address, "\"RateLimiterPolicy\": \"standard\""), $"\"Store\": {{ {keys} }}");
}
