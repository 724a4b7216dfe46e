using EdgeProxy.Configuration;
using EdgeProxy.Documents;
using EdgeProxy.Redis;
using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>Where the store is and who may use it: by a connection string, by keys of their own, by variables.</summary>
public sealed class StoreKeysTests
{
    [Fact]
    public void Every_key_of_the_store_arrives_at_the_client()
    {
        var store = Read("""
            "Endpoints": [ "redis.example", "[::1]:7000" ], "User": "edge", "Password": "${PW}", "Database": 3,
            "Tls": { "Host": "redis.house" }, "KeyPrefix": "edge1:", "Deadline": "50ms"
            """, ("PW", "Xq7w,9pi=aKf AKSH"));
        var options = RedisOptions.Create(store);

        Assert.Equal(["Unspecified/redis.example:6379", "[::1]:7000"], options.EndPoints.Select(endpoint => endpoint.ToString()!));
        Assert.Equal(("edge", "Xq7w,9pi=aKf AKSH", 3), (options.User, options.Password, options.DefaultDatabase));
        Assert.Equal((true, "redis.house"), (options.Ssl, options.SslHost));
        Assert.Equal(("edge1:", TimeSpan.FromMilliseconds(50)), (store.KeyPrefix, store.Deadline));
    }

    [Theory]
    [InlineData("\"Endpoints\": [ \"a\", \"b:1\" ], \"ServiceName\": \"m\"", "Unspecified/a:26379 Unspecified/b:1")]
    [InlineData("\"Redis\": \"a,b:1,serviceName=m\"", "Unspecified/a:26379 Unspecified/b:1")]
    [InlineData("\"Redis\": \"a,b:1\", \"ServiceName\": \"m\"", "Unspecified/a:26379 Unspecified/b:1")]
    [InlineData("\"Endpoints\": [ \"a\" ]", "Unspecified/a:6379")]
    public void A_server_without_a_port_has_that_of_its_kind(string keys, string endpoints) =>
        Assert.Equal(endpoints, string.Join(' ', RedisOptions.Create(Read(keys)).EndPoints));

    [Fact]
    public void Keys_stand_beside_a_string_that_does_not_say_the_same()
    {
        var options = RedisOptions.Create(Read("\"Redis\": \"a:1,user=edge\", \"Password\": \"x,y\""));
        Assert.Equal(("edge", "x,y", 1), (options.User, options.Password, options.EndPoints.Count));
    }

    [Theory]
    [InlineData("a:1,password=${PW}", "x,y")]
    [InlineData("${PW},password=x", "a:1,b:2")]
    [InlineData("a:1,password=${NONE:-x,y}", "")]
    [InlineData("a:1,password=${PW}", "x,y\n")]
    public void A_comma_from_a_variable_that_is_a_part_of_the_string_is_a_fault_that_shows_nothing_of_it(string redis, string value)
    {
        var fault = Assert.Single(
            Configurations.Read(Document($"\"Redis\": \"{redis}\""), ("PW", value)).Faults, fault => fault.Severity == FaultSeverity.Error);
        Assert.Equal(("invalid_store", "$.Edge.Store.Redis"), (fault.Code, fault.Path));
        Assert.DoesNotContain("x,y", fault.Message, StringComparison.Ordinal);
        Assert.Null(fault.Suggestion);
    }

    [Fact]
    public void A_string_that_is_one_variable_is_taken_and_shown_as_it_is_written()
    {
        var store = Read("\"Redis\": \"${REDIS}\"", ("REDIS", " a:1,b:2,password=secret\n"));
        Assert.Equal(("secret", 2), (RedisOptions.Create(store).Password, RedisOptions.Create(store).EndPoints.Count));
        Assert.Equal(["${REDIS}"], store.Written);
        Assert.Contains("secret", store.Hidden);
    }

    [Theory]
    [InlineData("\"Redis\": \"${H}:1,password=${PW}\"", "${H}:1")]
    [InlineData("\"Redis\": \"a:1, ${H}:2,ssl=true\"", "a:1 ${H}:2")]
    [InlineData("\"Endpoints\": [ \"${H}:1\", \"b\" ], \"Password\": \"${PW}\"", "${H}:1 b")]
    public void Addresses_are_shown_as_they_are_written(string keys, string written) =>
        Assert.Equal(written, string.Join(' ', Read(keys, ("H", "host"), ("PW", "pw")).Written));

    [Theory]
    [InlineData("conflicting_keys", "\"Redis\": \"a:1\", \"Endpoints\": §[ \"b:1\" ]")]
    [InlineData("conflicting_keys", "\"Redis\": \"a:1,password=x\", \"Password\": §\"y\"")]
    [InlineData("conflicting_keys", "\"Redis\": \"a:1,user=x\", \"User\": §\"y\"")]
    [InlineData("conflicting_keys", "\"Redis\": \"a:1,ssl=true\", \"Tls\": §{}")]
    [InlineData("conflicting_keys", "\"Redis\": \"a:1,serviceName=x\", \"ServiceName\": §\"y\"")]
    [InlineData("conflicting_keys", "\"Redis\": \"a:1,defaultDatabase=1\", \"Database\": §1")]
    [InlineData("conflicting_keys", "\"Endpoints\": [ \"a:1\" ], \"Tls\": { \"KeyPath\": §\"k.pem\" }")]
    [InlineData("invalid_store", "\"Endpoints\": [ §\"a:70000\" ]")]
    [InlineData("invalid_store", "\"Redis\": §\"a:70000\"")]
    [InlineData("invalid_value", "\"Endpoints\": [ §\"redis://a:1\" ]")]
    [InlineData("invalid_value", "\"Endpoints\": [ §\"a:1,password=x\" ]")]
    [InlineData("duplicate_value", "\"Endpoints\": [ \"a:1\", §\"A:1\" ]")]
    [InlineData("invalid_value", "\"Endpoints\": [ \"a:1\" ], \"KeyPrefix\": §\"{tag}\"")]
    [InlineData("invalid_value", "\"Endpoints\": [ \"a:1\" ], \"Password\": §\"  \"")]
    [InlineData("invalid_value", "\"Endpoints\": [ \"a:1\" ], \"Password\": §\"a\\nb\"")]
    [InlineData("out_of_range", "\"Endpoints\": [ \"a:1\" ], \"Deadline\": §\"2s\"")]
    [InlineData("out_of_range", "\"Endpoints\": [ \"a:1\" ], \"Database\": §-1")]
    [InlineData("invalid_certificate", "\"Endpoints\": [ \"a:1\" ], \"Tls\": { \"CaPath\": §\"no-such.pem\" }")]
    [InlineData("invalid_certificate", "\"Endpoints\": [ \"a:1\" ], \"Tls\": { \"CertificatePath\": §\"no-such.pem\" }")]
    public void A_faulty_key_of_the_store_names_its_place(string code, string keys)
    {
        var document = Document(keys);
        var faults = Configurations.Read(document.Replace("§", "", StringComparison.Ordinal)).Faults;
        var fault = Assert.Single(faults, fault => fault.Severity == FaultSeverity.Error);
        var before = document[..document.IndexOf('§', StringComparison.Ordinal)];
        Assert.Equal(
            (code, before.Count(c => c == '\n') + 1, before.Length - before.LastIndexOf('\n')), (fault.Code, fault.Line, fault.Column));
    }

    [Fact]
    public void A_password_without_a_server_is_a_fault() => Assert.Contains(
        Configurations.Read(Document("\"Password\": \"x\"")).Faults,
        fault => fault is { Code: "invalid_store", Path: "$.Edge.Store.Password" });

    [Theory]
    [InlineData("s3cret\n")]
    [InlineData("s3cret\r\n")]
    [InlineData(" s3cret ")]
    public void White_space_at_an_end_of_a_secret_is_no_part_of_it_and_is_warned_of(string value)
    {
        var hash = new string('a', 64);
        var read = Configurations.Read($$"""
            { "Edge": { "Admin": { "Token": "${T}" }, "Store": { "Endpoints": [ "a" ], "User": "${T}", "Password": "${T}" } },
              "Clients": { "ApiKey": { "Keys": { "k": { "Sha256": "${H}" } } } }, {{Configurations.Proxy}} }
            """, ("T", value), ("H", value.Replace("s3cret", hash, StringComparison.Ordinal)));

        var revision = read.Revision!;
        Assert.Equal(
            ("s3cret", "s3cret", "s3cret"), (revision.Edge.Admin.Token, revision.Edge.Store.User, revision.Edge.Store.Password));
        Assert.Contains(hash, revision.Clients.Keys.Keys);
        Assert.Equal(4, read.Faults.Count(fault => fault.Code == "variable_white_space"));
        Assert.DoesNotContain(read.Faults, fault => fault.Message.Contains("s3cret", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("${T}", " \n", true)]
    [InlineData("a\\nb", "", true)]
    [InlineData("${T}", "", false)]
    public void A_token_that_nobody_could_present_is_a_fault(string written, string value, bool isFault)
    {
        var read = Configurations.Read(
            $$"""{ "Edge": { "Admin": { "Token": "{{written}}" } }, {{Configurations.Proxy}} }""", ("T", value));
        Assert.Equal(isFault, read.Faults.Any(fault => fault is { Code: "invalid_value", Path: "$.Edge.Admin.Token" }));
    }

    [Fact]
    public void White_space_around_a_variable_that_is_no_secret_is_warned_of() => Assert.Contains(
        Configurations.Read($$"""{ "Edge": { "Errors": { "TypeBase": "${T}" } }, {{Configurations.Proxy}} }""", ("T", "urn:x:\n")).Faults,
        fault => fault is { Code: "variable_white_space", Severity: FaultSeverity.Warning });

    private static StoreOptions Read(string keys, params (string, string)[] environment)
    {
        var read = Configurations.Read(Document(keys), environment);
        Assert.DoesNotContain(read.Faults, fault => fault.Severity == FaultSeverity.Error);
        return read.Revision!.Edge.Store;
    }

    private static string Document(string keys) => $$"""
        { "Edge": { "Store": { {{keys}} } },
        {{Configurations.Proxy}} }
        """;
}
