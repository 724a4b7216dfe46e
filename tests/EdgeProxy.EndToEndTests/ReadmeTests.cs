using System.Text.RegularExpressions;
using Xunit;

namespace EdgeProxy.EndToEndTests;

/// <summary>What the README shows works.</summary>
public sealed partial class ReadmeTests
{
    [Fact]
    public async Task The_configuration_of_the_readme_is_served()
    {
        var readme = await File.ReadAllTextAsync(Path.Combine(Product.RepositoryRoot, "README.md"));
        const string FreePorts = "http://127.0.0.1:0\" ], \"Admin\": { \"Listen\": \"http://127.0.0.1:0\" }";
        var sample = JsonBlock().Match(readme).Groups[1].Value
            .Replace("http://127.0.0.1:8080\" ]", FreePorts, StringComparison.Ordinal);
        using var folder = new Folder();
        folder.Write("edgeproxy.json", sample);
        await using var edge = Product.Start("run", "--config", folder.Path);

        await edge.LineAsync("Ready:");
    }

    [GeneratedRegex(@"```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex JsonBlock();
}
