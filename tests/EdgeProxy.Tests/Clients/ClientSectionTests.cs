using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using EdgeProxy.Clients;
using EdgeProxy.Tests.Configuration;
using Xunit;

namespace EdgeProxy.Tests.Clients;

/// <summary>Keys of clients as the configuration writes them.</summary>
public sealed class ClientSectionTests
{
    [Theory]
    [InlineData("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD")]
    public void A_hash_in_capitals_is_the_same_hash(string hash)
    {
        var read = Configurations.Read(Configurations.Document(
            sections: $$""" "Clients": { "ApiKey": { "Header": "X-Api-Key", "Keys": { "acme": { "Sha256": "{{hash}}" } } } }, """));

        Assert.Equal("acme", read.Revision!.Clients.FindByKey("abc")?.Id); // SHA-256 of "abc", from FIPS 180-2
    }

    [Fact]
    public void A_key_of_more_than_1024_characters_is_nobody_s_even_when_it_is_configured()
    {
        var directory = (string key) => new ClientDirectory
        {
            Keys = new Dictionary<string, Client>
            {
                [Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))] = new("acme", "gold", IsAnonymous: false),
            }.ToFrozenDictionary(),
        };

        var longest = new string('k', 1024);
        Assert.NotNull(directory(longest).FindByKey(longest));
        Assert.Null(directory(longest + "k").FindByKey(longest + "k"));
    }
}
