using System.Collections.Frozen;
using EdgeProxy.Clients;
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
}
