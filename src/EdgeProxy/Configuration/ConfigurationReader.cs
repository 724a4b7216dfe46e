using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using EdgeProxy.Clients;
using EdgeProxy.RateLimiting;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

/// <summary>What reading a configuration gave: a revision, or the faults that stand in its way. Warnings may come with either.</summary>
internal sealed record ReadResult(Revision? Revision, ImmutableArray<Fault> Faults);

/// <summary>Reads a configuration file whole.</summary>
internal static class ConfigurationReader
{
    private static readonly JsonDocumentOptions Json = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    public static ReadResult Read(string path, TimeProvider time)
    {
        try
        {
            var file = Directory.Exists(path) ? Path.Combine(path, "edgeproxy.json") : path;
            var bytes = File.ReadAllBytes(file);
            using var document = JsonDocument.Parse(bytes, Json);
            return new ReadResult(ToRevision(document.RootElement, file, bytes, time), []);
        }
        catch (Exception exception) when (exception is IOException or JsonException or KeyNotFoundException or FormatException)
        {
            return new ReadResult(null, [new Fault(FaultSeverity.Error, "unreadable", path, 1, 1, "$", exception.Message)]);
        }
    }

    private static Revision ToRevision(JsonElement root, string file, byte[] bytes, TimeProvider time)
    {
        var policies = root.TryGetProperty("RateLimits", out var limits)
            ? limits.EnumerateObject().ToFrozenDictionary(p => p.Name, ToPolicy)
            : FrozenDictionary<string, RateLimitPolicy>.Empty;
        var proxy = root.GetProperty("ReverseProxy");
        var routes = proxy.GetProperty("Routes").EnumerateObject().ToList();
        return new Revision
        {
            Hash = Convert.ToHexStringLower(SHA256.HashData(bytes)),
            LoadedAt = time.GetUtcNow(),
            Files = [file],
            Edge = ToEdge(root.TryGetProperty("Edge", out var edge) ? edge : default),
            Clients = ClientDirectory.Empty,
            Policies = policies,
            Routes = routes.ToFrozenDictionary(r => r.Name, r => new RouteSettings
            {
                RouteId = r.Name,
                ClusterId = r.Value.GetProperty("ClusterId").GetString()!,
                RateLimits = r.Value.TryGetProperty("RateLimiterPolicy", out var policy) ? [policies[policy.GetString()!]] : [],
            }),
            Clusters = FrozenDictionary<string, ClusterSettings>.Empty,
            ProxyRoutes = [.. routes.Select(r => new RouteConfig
            {
                RouteId = r.Name,
                ClusterId = r.Value.GetProperty("ClusterId").GetString(),
                Match = new RouteMatch { Path = r.Value.GetProperty("Match").GetProperty("Path").GetString() },
            })],
            ProxyClusters = [.. proxy.GetProperty("Clusters").EnumerateObject().Select(c => new ClusterConfig
            {
                ClusterId = c.Name,
                Destinations = c.Value.GetProperty("Destinations").EnumerateObject().ToDictionary(
                    d => d.Name, d => new DestinationConfig { Address = d.Value.GetProperty("Address").GetString()! }),
            })],
        };
    }

    private static EdgeOptions ToEdge(JsonElement edge)
    {
        var options = new EdgeOptions();
        if (edge.ValueKind != JsonValueKind.Object)
        {
            return options;
        }

        return options with
        {
            Listen = edge.TryGetProperty("Listen", out var listen)
                ? [.. listen.EnumerateArray().Select(l => new ListenerOptions { Url = l.GetString()! })]
                : options.Listen,
            Admin = edge.TryGetProperty("Admin", out var admin)
                ? new AdminOptions
                {
                    Listen = admin.GetProperty("Listen").GetString()!,
                    Token = admin.TryGetProperty("Token", out var token) ? token.GetString()! : "",
                }
                : options.Admin,
        };
    }

    private static RateLimitPolicy ToPolicy(JsonProperty policy) => new()
    {
        Name = policy.Name,
        Limits = [.. policy.Value.GetProperty("Limits").EnumerateArray().Select(l => new Limit(
            l.GetProperty("Name").GetString()!,
            l.GetProperty("Capacity").GetInt64(),
            l.GetProperty("Refill").GetInt64(),
            TimeSpan.FromSeconds(int.Parse(l.GetProperty("Every").GetString()!.TrimEnd('s'), null))))],
    };
}
