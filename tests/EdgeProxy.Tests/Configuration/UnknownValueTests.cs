using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using EdgeProxy.Configuration;
using EdgeProxy.Documents;
using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>Where a variable is not looked at, its value may be anything: nothing is wrong with it, and nothing told of it.</summary>
public sealed class UnknownValueTests
{
    private const string Bounded = "\"Timeout\": \"9s\"";

    private static readonly JsonDocumentOptions Lenient = new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    public static TheoryData<string> Samples() => [.. Directory
        .EnumerateFiles(Path.Combine(Repository.Root, "config"), "*.json", SearchOption.AllDirectories)
        .Where(file => !file.Contains("grafana", StringComparison.Ordinal) && !file.EndsWith(".schema.json", StringComparison.Ordinal))
        .Select(file => Path.GetRelativePath(Repository.Root, file))];

    /// <summary>Values that are held against others, each in a way that is right.</summary>
    private const string Related = """
        { "Edge": { "Listen": [ "http://127.0.0.1:8081" ], "Admin": { "Listen": "http://0.0.0.0:9902", "Token": "0123456789abcdef" },
                    "TrustedProxies": [ "10.0.0.0/8" ],
                    "Store": { "Endpoints": [ "r.example:6379" ], "User": "u", "Password": "p", "Database": 2,
                               "Tls": { "CertificatePath": "c.pem", "KeyPath": "k.pem" } } },
          "Clients": { "ApiKey": { "Keys": { "a": { "Plan": "gold",
            "Sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "RateLimits": { "p": { "Limits": [ { "Name": "l", "Capacity": 90, "Refill": 1, "Every": "1s" } ] } } } } } },
          "RateLimits": { "p": { "Per": "Client", "Limits": [ { "Name": "l", "Capacity": 50, "Refill": 1, "Every": "1s" } ],
            "Plans": { "gold": { "Limits": [ { "Name": "l", "Capacity": 70, "Refill": 1, "Every": "1s" } ] },
                       "free": { "Unlimited": true } } } },
          "ReverseProxy": {
            "Routes": {
              "r": { "ClusterId": "c", "Order": 1, "Cost": 40, "RateLimits": [ "p" ], "Timeout": "9s", "RequireClient": true, "Owner": "x",
                     "Hedge": { "After": "2s" }, "Timeouts": { "PerTry": "5s", "Idle": "6s" }, "Retry": { "Attempts": 3 },
                     "Fallback": { "On": [ "timeout", "503" ], "Cluster": "d", "Static": { "Status": 204 } },
                     "Match": { "Path": "/api/{id}", "Hosts": [ "a.example" ], "Methods": [ "GET" ],
                                "Headers": [ { "Name": "X", "Values": [ "1" ], "Mode": "Contains" }, { "Name": "Y", "Mode": "Exists" } ],
                                "QueryParameters": [ { "Name": "q", "Values": [ "1" ] }, { "Name": "p", "Mode": "Exists" } ] },
                     "Transforms": [ { "PathRemovePrefix": "/api" }, { "PathPattern": "/x/{id}" },
                                     { "QueryRouteParameter": "q", "Set": "id" },
                                     { "RequestHeader": "A", "Set": "b" }, { "X-Forwarded": "Append", "For": "Set" } ] } },
            "Clusters": {
              "c": { "Destinations": { "a": { "Address": "http://a:5001/", "Weight": 1, "State": "Up" },
                                       "b": { "Address": "http://b:5001/", "Weight": 0 } },
                     "LoadBalancingPolicy": "ConsistentHash", "HashBy": "Header:X", "PanicThreshold": 0.5, "SlowStart": "5s",
                     "CircuitBreaker": { "OpenFor": "50s", "OpenForMax": "70s" }, "Ejection": { "Base": "50s", "Max": "400s" },
                     "Timeouts": { "Connect": "3s", "PerTry": "200s", "Idle": "300s" }, "Concurrency": { "Max": 10, "Queue": 5 },
                     "SessionAffinity": { "Enabled": true, "Policy": "Cookie", "AffinityKeyName": "k" },
                     "HealthCheck": { "AvailableDestinationsPolicy": "HealthyAndUnknown", "Active": { "Enabled": true, "Path": "/h" } } },
              "d": { "Destinations": { "a": { "Address": "http://d/" } },
                     "HttpRequest": { "Version": "2", "ActivityTimeout": "30s" } } } } }
        """;

    [Fact]
    public void Nothing_is_wrong_with_values_that_others_are_held_against() => AssertUnknown(Related);

    [Theory, MemberData(nameof(Samples))]
    public void Nothing_is_wrong_with_any_value_that_is_not_known(string sample) => AssertUnknown(Repository.Read(sample));

    private static void AssertUnknown(string document)
    {
        var whole = JsonNode.Parse(document, documentOptions: Lenient)!;
        var wrong = new List<string>();
        var before = CodesOf(whole.ToJsonString());
        foreach (var path in ScalarsOf(whole, []).ToList())
        {
            var changed = whole.DeepClone();
            Set(changed, path, "${NOBODY_KNOWS}");

            var more = CodesOf(changed.ToJsonString()).Except(before).ToList();
            if (more.Count > 0)
            {
                wrong.Add($"{string.Join('.', path)}: {string.Join(", ", more)}");
            }
        }

        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData("\"Capacity\": \"${PIN}\"", 73914)]
    [InlineData("\"Capacity\": \"${PIN:-5}\"", 3)]
    public async Task A_document_of_a_stranger_is_no_oracle_for_numbers(string capacity, long cost)
    {
        var answers = new List<string>();
        foreach (var above in new[] { cost, cost + 1 })
        {
            var document = Configurations.Document(
                route: $"\"RateLimits\": [ \"p\" ], \"Cost\": {above}",
                sections: $$""" "RateLimits": { "p": { "Limits": [ { "Name": "l", {{capacity}}, "Refill": 1, "Every": "1s" } ] } }, """);
            answers.Add(await AskAsync(document, ("PIN", "73914")));
        }

        Assert.Equal(answers[0], answers[1]);
    }

    [Fact]
    public async Task A_document_of_a_stranger_is_no_oracle_for_texts()
    {
        var right = await AskAsync(Hosts("hunter2"), ("TEXT", "hunter2"));
        Assert.Equal(right, await AskAsync(Hosts("hunter3"), ("TEXT", "hunter2")));
        Assert.Equal("", right);

        static string Hosts(string guess) =>
            Configurations.Document(Bounded).Replace(
                "\"Path\"", $"\"Hosts\": [ \"${{TEXT}}\", \"{guess}\" ], \"Path\"", StringComparison.Ordinal);
    }

    [Fact]
    public void A_default_stands_where_a_variable_is_not_looked_at()
    {
        Assert.Equal(["out_of_range"], CodesOf(Configurations.Document(route: Bounded + ", \"Cost\": \"${X:-0}\"")));
        Assert.Empty(CodesOf(Configurations.Document(route: Bounded + ", \"Cost\": \"${X:-1}\"")));
    }

    /// <summary>As over the wire, in a process that has the variables.</summary>
    private static async Task<string> AskAsync(string document, (string Name, string Value) variable)
    {
        Environment.SetEnvironmentVariable(variable.Name, variable.Value);
        var file = new SourceFile("body.json", Encoding.UTF8.GetBytes(document));
        var read = await ConfigurationCheck.OfDocumentAsync(file, TimeProvider.System, TimeSpan.FromMinutes(1), CancellationToken.None);
        return string.Join('\n', read.Faults);
    }

    private static HashSet<string> CodesOf(string document) => ConfigurationReader.Read(
            [new SourceFile("edge.json", Encoding.UTF8.GetBytes(document))], TimeProvider.System,
            new ReadOptions { Variables = Variables.Unseen, LooksAtFiles = false })
        .Faults.Select(fault => fault.Code).ToHashSet();

    private static IEnumerable<string[]> ScalarsOf(JsonNode? node, string[] path) => node switch
    {
        JsonObject keys => keys.Where(pair => pair.Key != "$schema").SelectMany(pair => ScalarsOf(pair.Value, [.. path, pair.Key])),
        JsonArray list => list.SelectMany((item, i) => ScalarsOf(item, [.. path, $"{i}"])),
        JsonValue => [path],
        _ => [],
    };

    private static void Set(JsonNode node, string[] path, string value)
    {
        foreach (var step in path[..^1])
        {
            node = (node is JsonArray list ? list[int.Parse(step, System.Globalization.CultureInfo.InvariantCulture)] : node[step])!;
        }

        if (node is JsonArray last)
        {
            last[int.Parse(path[^1], System.Globalization.CultureInfo.InvariantCulture)] = value;
        }
        else
        {
            node[path[^1]] = value;
        }
    }
}
