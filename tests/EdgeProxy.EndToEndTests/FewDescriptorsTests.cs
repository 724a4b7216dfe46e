using System.Diagnostics;
using System.Net.Sockets;
using Xunit;

namespace EdgeProxy.EndToEndTests;

/// <summary>The published binary, with few file descriptors.</summary>
public sealed class FewDescriptorsTests
{
    private static readonly string[] AdminPaths =
        ["/livez", "/readyz", "/metrics", "/v1/config", "/v1/routes", "/v1/clusters", "/v1/overload", "/openapi/v1.json", "/none"];

    [Fact]
    public async Task No_assembly_is_loaded_after_the_start()
    {
        await using var edge = await LimitedAsync(1024);
        using var client = new HttpClient();
        var before = edge.Assemblies();

        foreach (var path in new[] { "/", "/none", "/%00", "/refused" })
        {
            using var answer = await client.GetAsync(edge.Traffic + path);
        }

        foreach (var path in AdminPaths)
        {
            using var answer = await client.GetAsync(edge.Admin + path);
        }

        using var check = await client.PostAsync(edge.Admin + "/v1/config/check", new StringContent("{", null, "application/json"));
        Assert.Empty(edge.Assemblies().Except(before).Select(file => Path.GetFileName(file)));
    }

    [Theory]
    [InlineData(256)]
    [InlineData(400)]
    public async Task The_process_lives_when_clients_have_used_up_its_descriptors(int limit)
    {
        await using var edge = await LimitedAsync(limit);
        var clients = new List<TcpClient>();
        foreach (var address in Enumerable.Repeat(edge.Traffic, 300).Concat(Enumerable.Repeat(edge.Admin, 200)))
        {
            var client = new TcpClient();
            clients.Add(client);
            try
            {
                await client.ConnectAsync("127.0.0.1", new Uri(address).Port);
                await client.GetStream().WriteAsync("GET / HTTP/1.1\r\nHost: x\r\n"u8.ToArray());
            }
            catch (Exception exception) when (exception is IOException or SocketException)
            {
                // Closed at once, as all beyond the bound.
            }
        }

        Assert.Equal("ok\n", await EventuallyAsync(edge.Admin + "/livez"));
        clients.ForEach(client => client.Dispose());
        Assert.StartsWith("502 ", await EventuallyAsync(edge.Traffic + "/"), StringComparison.Ordinal);
        Assert.False(edge.HasEnded);
    }

    private static async Task<string> EventuallyAsync(string url)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            try
            {
                using var client = new HttpClient();
                using var answer = await client.GetAsync(url, deadline.Token);
                var body = await answer.Content.ReadAsStringAsync(deadline.Token);
                return answer.IsSuccessStatusCode ? body : $"{(int)answer.StatusCode} {body}";
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException)
            {
                await Task.Delay(100, deadline.Token);
            }
        }
    }

    private static async Task<LimitedEdge> LimitedAsync(int limit)
    {
        var folder = new Folder();
        folder.Write("edgeproxy.json", """
            {
              "Edge": { "Listen": [ "http://127.0.0.1:0" ], "Admin": { "Listen": "http://127.0.0.1:0" } },
              "ReverseProxy": {
                "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" } } },
                "Clusters": { "up": { "Destinations": { "a": { "Address": "http://127.0.0.1:1/" } },
                                      "CircuitBreaker": { "Enabled": false } } }
              }
            }
            """);
        var start = new ProcessStartInfo(
            "bash", ["-c", $"ulimit -n {limit}; exec \"$0\" \"$@\"", Product.Binary, "run", "--config", folder.Path])
        {
            RedirectStandardOutput = true,
        };
        var process = Process.Start(start)!;
        var lines = new List<string>();
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            lines.Add(line);
            if (line.Split("traffic on ") is [_, var addresses] && addresses.Split(", admin on ") is [var traffic, var admin])
            {
                _ = process.StandardOutput.ReadToEndAsync();
                return new LimitedEdge(process, folder, traffic, admin);
            }
        }

        throw new InvalidOperationException(string.Join('\n', lines));
    }

    private sealed class LimitedEdge(Process process, Folder folder, string traffic, string admin) : IAsyncDisposable
    {
        public string Traffic => traffic;

        public string Admin => admin;

        public bool HasEnded => process.HasExited;

        public HashSet<string> Assemblies() =>
        [
            .. File.ReadLines($"/proc/{process.Id}/maps").Select(line => line.Split(' ')[^1])
                .Where(file => file.EndsWith(".dll", StringComparison.Ordinal)),
        ];

        public async ValueTask DisposeAsync()
        {
            if (!process.HasExited)
            {
                process.Kill();
            }

            await process.WaitForExitAsync();
            process.Dispose();
            folder.Dispose();
        }
    }
}
