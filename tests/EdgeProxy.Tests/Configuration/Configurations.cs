using EdgeProxy.Configuration;
using EdgeProxy.Documents;

namespace EdgeProxy.Tests.Configuration;

/// <summary>Small configurations to read in tests: no file, no environment but the one given.</summary>
internal static class Configurations
{
    /// <summary>A whole, valid `ReverseProxy` section.</summary>
    public const string Proxy = """
        "ReverseProxy": {
          "Routes": { "r": { "ClusterId": "c", "Timeout": "9s", "Match": { "Path": "/{**rest}" } } },
          "Clusters": { "c": { "Destinations": { "d": { "Address": "http://127.0.0.1:5001/" } } } }
        }
        """;

    public static ReadResult Read(string document, params (string Name, string Value)[] environment) =>
        Read([("edge.json", document)], environment);

    /// <summary>Without the warning of routes that bound no wait: that is not what small documents are about.</summary>
    public static ReadResult Read((string Name, string Text)[] files, params (string Name, string Value)[] environment)
    {
        var read = ReadAll(files, environment);
        return read with { Faults = read.Faults.RemoveAll(fault => fault.Code == FaultCodes.UnboundedWait) };
    }

    public static ReadResult ReadAll((string Name, string Text)[] files, params (string Name, string Value)[] environment)
    {
        var variables = environment.ToDictionary(v => v.Name, v => v.Value);
        return ConfigurationReader.Read(
            [.. files.Select(f => new SourceFile(f.Name, System.Text.Encoding.UTF8.GetBytes(f.Text)))],
            TimeProvider.System,
            variables.GetValueOrDefault);
    }

    /// <summary>A document with one route and one cluster; what is given goes inside their objects.</summary>
    public static string Document(string route = "", string cluster = "", string sections = "") => $$"""
        { {{sections}}
          "ReverseProxy": {
            "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "/{**rest}" } {{Follow(route)}} } },
            "Clusters": { "c": { "Destinations": { "d": { "Address": "http://127.0.0.1:5001/" } } {{Follow(cluster)}} } }
          } }
        """;

    private static string Follow(string text) => text.Length > 0 ? ", " + text : "";
}
