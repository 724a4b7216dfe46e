using System.Collections.Frozen;
using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using EdgeProxy.Tests.Configuration;
using Xunit;

namespace EdgeProxy.Tests.Clients;

public sealed class ClientDirectoryTests
{
    private static readonly Client Acme = new("acme", "gold", IsAnonymous: false);

    // SHA-256 of "abc", from FIPS 180-2.
    private readonly ClientDirectory _directory = new()
    {
        ApiKeyHeader = "X-Api-Key",
        Keys = new Dictionary<string, Client>
        {
            ["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"] = Acme,
        }.ToFrozenDictionary(),
    };

    [Fact]
    public void A_key_is_known_by_its_hash() => Assert.Same(Acme, _directory.FindByKey("abc"));

    [Theory]
    [InlineData("")]
    [InlineData("abd")]
    [InlineData("ABC")]
    [InlineData("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData("ключ")]
    public void Any_other_key_is_nobodys(string key) => Assert.Null(_directory.FindByKey(key));

    [Fact]
    public void A_huge_key_is_nobodys() => Assert.Null(_directory.FindByKey(new string('a', 30_000)));

    [Fact]
    public void An_edge_without_keys_knows_nobody() => Assert.Null(ClientDirectory.Empty.FindByKey("abc"));

    /// <summary>While one key takes the place of another, both are the client, with one bucket; a third one's is its own.</summary>
    [Fact]
    public void A_client_may_have_several_keys_under_one_id()
    {
        var read = Configurations.Read(Configurations.Document(sections: $$"""
            "Clients": { "ApiKey": { "Keys": { "acme": { "Plan": "gold", "Sha256": [
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "{{Hash("old")}}" ] } } } },
            """));

        var clients = Assert.IsType<Revision>(read.Revision).Clients;
        Assert.Equal(new Client("acme", "gold", IsAnonymous: false), clients.FindByKey("abc"));
        Assert.Same(clients.FindByKey("abc"), clients.FindByKey("old"));
        Assert.Null(clients.FindByKey("other"));
    }

    [Theory]
    [InlineData("[ ]", "out_of_range")]
    [InlineData("[ \"A\", \"a\" ]", "duplicate_value")]
    [InlineData("[ \"A\", \"hunter2\" ]", "invalid_value")]
    [InlineData("[ \"A\", \"B\" ]", "duplicate_value")]
    [InlineData("{ }", "wrong_type")]
    public void Keys_that_are_none_or_belong_to_two_are_refused_and_not_shown(string keys, string code)
    {
        var read = Configurations.Read(Configurations.Document(sections: $$"""
            "Clients": { "ApiKey": { "Keys": { "other": { "Sha256": "{{Hash("b")}}" }, "acme": { "Sha256": {{keys
                .Replace("\"A\"", $"\"{Hash("a").ToUpperInvariant()}\"", StringComparison.Ordinal)
                .Replace("\"a\"", $"\"{Hash("a")}\"", StringComparison.Ordinal)
                .Replace("\"B\"", $"\"{Hash("b")}\"", StringComparison.Ordinal)}} } } } },
            """));

        Assert.Equal([code], read.Faults.Select(fault => fault.Code).Distinct());
        Assert.All(read.Faults, fault => Assert.DoesNotContain("hunter2", fault.ToString(), StringComparison.Ordinal));
    }

    private static string Hash(string key) =>
        Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(key)));
}
