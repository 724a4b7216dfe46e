using System.Text.Json;
using Xunit;

namespace EdgeProxy.EndToEndTests;

/// <summary>The verbs that end by themselves: what they print, where to, and the exit code.</summary>
public sealed class VerbTests
{
    private const string Good = """
        {
          "ReverseProxy": {
            "Routes": { "all": { "ClusterId": "app", "Match": { "Path": "/{**rest}" }, "Timeout": "9s" } },
            "Clusters": { "app": { "Destinations": { "a": { "Address": "http://127.0.0.1:1/" } } } }
          }
        }
        """;

    private static readonly string Binary = $"'{Product.Binary}'";

    [Fact]
    public async Task Check_of_a_good_configuration_says_ok_on_standard_output()
    {
        using var folder = Configuration(Good);

        Assert.StartsWith("ok: 1 route, 1 cluster, 0 rate limits; revision ", await Shell.RunAsync($"{Binary} check .", folder.Path));
    }

    [Fact]
    public async Task Check_looks_at_config_when_nothing_is_named()
    {
        using var folder = new Folder();
        Directory.CreateDirectory(Path.Combine(folder.Path, "config"));
        folder.Write("config/edgeproxy.json", Good);

        Assert.StartsWith("ok: ", await Shell.RunAsync($"{Binary} check", folder.Path));
    }

    [Fact]
    public async Task Check_prints_every_fault_with_its_place_on_standard_error_and_exits_with_1()
    {
        using var folder = Configuration(
            Good.Replace("\"app\", \"Match\"", "\"ap\", \"Mach\"", StringComparison.Ordinal)
                .Replace("http://", "", StringComparison.Ordinal));

        var errors = await Shell.RunAsync($"{Binary} check . 2>&1 >out; test $? = 1 && test ! -s out", folder.Path);

        Assert.Contains("/edgeproxy.json:3:39: error unknown_cluster $.ReverseProxy.Routes.all.ClusterId: ", errors);
        Assert.Contains("did you mean \"app\"?", errors);
        Assert.Contains("/edgeproxy.json:3:45: error unknown_key $.ReverseProxy.Routes.all.Mach: ", errors);
        Assert.Contains(" error invalid_address $.ReverseProxy.Clusters.app.Destinations.a.Address: ", errors);
    }

    [Fact]
    public async Task Check_gives_the_same_as_json_on_standard_output()
    {
        using var folder = Configuration(Good.Replace("ClusterId", "ClusterID_", StringComparison.Ordinal));

        var text = await Shell.RunAsync($"{Binary} check . --format json 2>errors; test $? = 1 && test ! -s errors", folder.Path);

        var result = JsonDocument.Parse(text).RootElement;
        Assert.False(result.GetProperty("valid").GetBoolean());
        var fault = result.GetProperty("faults").EnumerateArray().First(f => f.GetProperty("code").GetString() == "unknown_key");
        Assert.Equal(3, fault.GetProperty("line").GetInt32());
        Assert.Equal("ClusterId", fault.GetProperty("suggestion").GetString());
    }

    [Fact]
    public async Task Check_takes_warnings_for_errors_when_it_is_to_be_strict()
    {
        using var folder = Configuration(Good.Replace("/{**rest}", "/**", StringComparison.Ordinal));

        Assert.StartsWith("ok: ", await Shell.RunAsync($"{Binary} check .", folder.Path));
        var text = await Shell.RunAsync($"{Binary} check . --strict --format json; test $? = 1", folder.Path);

        var fault = Assert.Single(JsonDocument.Parse(text).RootElement.GetProperty("faults").EnumerateArray());
        Assert.Equal("error", fault.GetProperty("severity").GetString());
        Assert.Equal("literal_star", fault.GetProperty("code").GetString());
        Assert.Equal("/{**rest}", fault.GetProperty("suggestion").GetString());
    }

    [Fact]
    public async Task Check_needs_neither_certificates_nor_variables_where_it_is_told_so()
    {
        using var folder = Configuration(Good.Insert(Good.IndexOf('{', StringComparison.Ordinal) + 1, """
            "Edge": { "Listen": [ { "Url": "https://127.0.0.1:8443", "Certificates": [ { "Path": "no-such.pem" } ] } ],
                      "Admin": { "Listen": "http://0.0.0.0:9901", "Token": "${NOBODY_SETS_THIS}" } },
            """));

        var faults = await Shell.RunAsync($"{Binary} check . 2>&1; test $? = 1", folder.Path);
        Assert.Contains("error unset_variable", faults);
        Assert.Contains("error invalid_certificate", faults);
        Assert.StartsWith(
            "ok, as far as it can be told", await Shell.RunAsync($"{Binary} check . --without-files --allow-unset --strict", folder.Path));
    }

    [Fact]
    public async Task A_key_that_was_pasted_in_place_of_its_hash_is_not_printed()
    {
        using var folder = Configuration("""{ "Clients": { "ApiKey": { "Keys": { "acme": { "Sha256": "hunter2" } } } } }""");

        var errors = await Shell.RunAsync($"{Binary} check . 2>&1; test $? = 1", folder.Path);

        Assert.Contains("error invalid_value $.Clients.ApiKey.Keys.acme.Sha256: ", errors);
        Assert.DoesNotContain("hunter2", errors);
    }

    [Fact]
    public async Task Schema_is_the_file_that_editors_are_given() => Assert.Equal(
        (await File.ReadAllTextAsync(Path.Combine(Samples.Root, "edgeproxy.schema.json"))).Trim(),
        (await Shell.RunAsync($"{Binary} schema")).Trim());

    [Theory]
    [InlineData("printf abc")]
    [InlineData("echo abc")]
    public async Task Hash_key_prints_the_SHA_256_of_a_key_without_its_newline(string input) => Assert.Equal(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n",
        await Shell.RunAsync($"{input} | {Binary} hash-key"));

    [Fact]
    public async Task Hash_key_of_nothing_exits_with_1_and_prints_nothing_to_paste()
    {
        Assert.Equal("", await Shell.RunAsync($"{Binary} hash-key </dev/null 2>/dev/null; test $? = 1"));
    }

    [Fact]
    public async Task Version_names_version_and_commit() =>
        Assert.Matches(@"^edgeproxy \d+\.\d+\.\d+\S* \([0-9a-f]{7,40}\)\n$", await Shell.RunAsync($"{Binary} version"));

    [Theory]
    [InlineData("check --frmat json")]
    [InlineData("check --format yaml")]
    [InlineData("run --config")]
    [InlineData("run --state ''")]
    [InlineData("schema more")]
    public async Task Wrong_usage_is_said_on_standard_error_and_exits_with_2(string arguments) =>
        Assert.NotEmpty(await Shell.RunAsync($"{Binary} {arguments} 2>&1 >/dev/null; test $? = 2"));

    private static Folder Configuration(string text)
    {
        var folder = new Folder();
        folder.Write("edgeproxy.json", text);
        return folder;
    }
}
