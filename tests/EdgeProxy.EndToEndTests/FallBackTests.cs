using Xunit;

namespace EdgeProxy.EndToEndTests;

/// <summary>A node that restarts while its files are broken.</summary>
public sealed class FallBackTests
{
    private const string Configuration = """
        {
          "Edge": {
            "Listen": [ { "Url": "https://127.0.0.1:0", "Certificates": [ { "Path": "../site.pem", "KeyPath": "../site.key" } ] } ],
            "Admin": { "Listen": "http://127.0.0.1:0" }
          },
          "ReverseProxy": {
            "Routes": { "all": { "ClusterId": "app", "Match": { "Path": "/{**rest}" } } },
            "Clusters": { "app": { "Destinations": { "a": { "Address": "http://127.0.0.1:1/" } } } }
          }
        }
        """;

    [Theory]
    [InlineData("conf")]
    [InlineData("conf/edgeproxy.json")]
    public async Task A_node_with_certificates_starts_from_its_last_good_revision(string path)
    {
        using var folder = new Folder();
        Samples.WriteCertificate(folder);
        Directory.CreateDirectory(Path.Combine(folder.Path, "conf"));
        folder.Write("conf/edgeproxy.json", Configuration);
        string[] run = ["run", "--config", path, "--state", "state"];
        await using (var edge = Start(folder, run))
        {
            await edge.LineAsync("Ready:");
            await KeptAsync(folder);
            await edge.SignalAsync("TERM");
            Assert.Equal(0, await edge.ExitAsync());
        }

        folder.Write("conf/edgeproxy.json", "{ nonsense");
        await using var refused = Start(folder, run);
        Assert.Equal(1, await refused.ExitAsync());
        Assert.Contains("conf/edgeproxy.json:1:", refused.Output);

        await using var fallen = Start(folder, [.. run, "--fall-back"]);
        await fallen.LineAsync("Ready:");
        await fallen.SignalAsync("TERM");
        Assert.Equal(0, await fallen.ExitAsync());
    }

    private static Product Start(Folder folder, string[] arguments) =>
        Product.Start(folder.Path, new Dictionary<string, string>(), arguments);

    private static async Task KeptAsync(Folder folder)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!File.Exists(Path.Combine(folder.Path, "state", "last-good")))
        {
            await Task.Delay(50, deadline.Token);
        }
    }
}
