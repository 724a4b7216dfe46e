using EdgeProxy.Configuration;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>The product, started in this process from a configuration written to a folder of its own.</summary>
internal sealed class Edge : IAsyncDisposable
{
    /// <summary>A listener that speaks HTTP/2 alone, without TLS.</summary>
    public const string Http2Only = """{ "Url": "http://127.0.0.1:0", "Protocols": "Http2" }""";

    private const string AnyPort = "\"http://127.0.0.1:0\"";

    private readonly Gateway _gateway;

    private Edge(Gateway gateway, string folder)
    {
        _gateway = gateway;
        Folder = folder;
        Address = gateway.Addresses.First();
        Client = new HttpClient { BaseAddress = new Uri(Address) };
        Admin = new HttpClient { BaseAddress = new Uri(gateway.AdminAddress) };
    }

    /// <summary>Configuration folder; write to it to reload.</summary>
    public string Folder { get; }

    /// <summary>One address for each listener, in the order of the configuration.</summary>
    public IReadOnlyList<string> Addresses => [.. _gateway.Addresses];

    /// <summary>Traffic address, such as `http://127.0.0.1:40001`.</summary>
    public string Address { get; }

    public Uri Uri => Client.BaseAddress!;

    public HttpClient Client { get; }

    public HttpClient Admin { get; }

    public IServiceProvider Services => _gateway.Services;

    /// <summary>Starts an edge. <paramref name="sections"/> is JSON without the outer braces and without `Edge`.</summary>
    public static async Task<Edge> StartAsync(string sections, string edge = "", string token = "", string listen = AnyPort)
    {
        var folder = Directory.CreateTempSubdirectory("edgeproxy-test-").FullName;
        var file = Path.Combine(folder, "edgeproxy.json");
        await File.WriteAllTextAsync(file, Document(sections, edge, token, listen));
        var read = ConfigurationReader.Read(folder, TimeProvider.System);
        if (read.Revision is not { } revision)
        {
            throw new InvalidOperationException(string.Join('\n', read.Faults));
        }

        var gateway = Gateway.Create(new RunOptions { ConfigPath = folder }, revision);
        await gateway.StartAsync();
        return new Edge(gateway, folder);
    }

    /// <summary>A whole document around <paramref name="sections"/>: free ports on loopback.</summary>
    public static string Document(string sections, string edge = "", string token = "", string listen = AnyPort) => $$"""
        {
          "Edge": {
            "Listen": [ {{listen}} ],
            "Admin": { "Listen": "http://127.0.0.1:0", "Token": "{{token}}" }{{(edge.Length > 0 ? "," : "")}}
            {{edge}} {{(edge.Contains("\"Overload\"", StringComparison.Ordinal) ? "" : OwnPool)}}
          },
          {{sections}}
        }
        """;

    /// <summary>
    /// The pool is no edge's own here: clients, upstreams and other edges of the same process wait for its threads, and block some. What
    /// the bound does is tried by those who set it, and by the published binary.
    /// </summary>
    private const string OwnPool = ", \"Overload\": { \"ThreadPoolDelay\": \"1m\" }";

    /// <summary>The `ReverseProxy` section for one route that takes everything.</summary>
    public static string OneRoute(string destination, string route = "", string cluster = "") => $$"""
        "ReverseProxy": {
          "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" }{{(route.Length > 0 ? "," : "")}} {{route}} } },
          "Clusters": { "up": { "Destinations": { "a": { "Address": "{{destination}}" } }{{(cluster.Length > 0 ? "," : "")}} {{cluster}} } }
        }
        """;

    /// <summary>Drains as SIGTERM does. The admin listener answers until the returned task ends.</summary>
    public Task StopAsync(TimeSpan limit) => _gateway.StopAsync(limit);

    /// <summary>Drains as SIGTERM does, for as long as the configuration says.</summary>
    public Task StopAsync() => _gateway.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Admin.Dispose();
        await _gateway.StopAsync(TimeSpan.Zero);
        await _gateway.DisposeAsync();
        try
        {
            Directory.Delete(Folder, recursive: true);
        }
        catch (IOException)
        {
            // The last good revision may still be on its way to disk; a folder of a few KiB stays behind.
        }
    }
}
