using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>Listeners that are in each other's way, and destinations that lead back to one.</summary>
public sealed class ListenerCheckTests
{
    [Theory]
    [InlineData("http://127.0.0.1:8081", "http://127.0.0.1:8081", true)]
    [InlineData("http://0.0.0.0:8081", "http://127.0.0.1:8081", true)]
    [InlineData("http://127.0.0.1:8081", "http://*:8081", true)]
    [InlineData("http://[::]:8081", "http://0.0.0.0:8081", true)]
    [InlineData("http://[::]:8081", "http://[::1]:8081", true)]
    [InlineData("http://localhost:8081", "http://127.0.0.1:8081", true)]
    [InlineData("http://[::ffff:127.0.0.1]:8081", "http://127.0.0.1:8081", true)]
    [InlineData("http://[0:0::1]:8081", "http://[::1]:8081", true)]
    [InlineData("http://+:8081", "http://10.0.0.1:8081", true)]
    [InlineData("http://+:8081", "http://*:8081", true)]
    [InlineData("http://127.0.0.1:8081", "http://127.0.0.1:8082", false)]
    [InlineData("http://127.0.0.1:8081", "http://127.0.0.2:8081", false)]
    [InlineData("http://0.0.0.0:8081", "http://[::1]:8081", false)]
    [InlineData("http://127.0.0.1:0", "http://*:0", false)]
    public void Listeners_of_one_port_whose_addresses_overlap_are_refused(string one, string other, bool isRefused)
    {
        foreach (var edge in new[]
        {
            $$""" "Listen": [ "{{one}}", "{{other}}" ] """,
            $$""" "Listen": [ "{{one}}" ], "Admin": { "Listen": "{{other}}", "Token": "${T}" } """,
        })
        {
            Assert.Equal(isRefused ? ["duplicate_value"] : [], CodesOf(edge, "http://127.0.0.1:5001/"));
        }
    }

    [Theory]
    [InlineData("http://127.0.0.1:9901", "http://127.0.0.1:9901/", true)]
    [InlineData("http://127.0.0.1:9901", "http://localhost:9901/x", true)]
    [InlineData("http://127.0.0.1:9901", "http://LOCALHOST.:9901/", true)]
    [InlineData("http://127.0.0.1:9901", "http://admin.localhost:9901/", true)]
    [InlineData("http://127.0.0.1:9901", "http://0.0.0.0:9901/", true)]
    [InlineData("http://127.0.0.1:9901", "http://[::ffff:127.0.0.1]:9901/", true)]
    [InlineData("http://127.0.0.1:9901", "http://127.1:9901/", true)]
    [InlineData("http://127.0.0.1:9901", "http://2130706433:9901/", true)]
    [InlineData("http://127.0.0.1:9901", "https://127.0.0.1:9901/", true)]
    [InlineData("http://localhost:9901", "http://127.0.0.1:9901/", true)]
    [InlineData("http://0.0.0.0:9901", "http://127.0.0.2:9901/", true)]
    [InlineData("http://*:9901", "http://[::1]:9901/", true)]
    [InlineData("http://127.0.0.1:80", "http://127.0.0.1/", true)]
    [InlineData("http://127.0.0.1:9901", "http://127.0.0.1:9902/", false)]
    [InlineData("http://127.0.0.1:9901", "http://127.0.0.2:9901/", false)]
    [InlineData("http://127.0.0.1:9901", "http://[::1]:9901/", false)]
    [InlineData("http://0.0.0.0:9901", "http://192.0.2.1:9901/", false)]
    [InlineData("http://127.0.0.1:9901", "http://orders.example:9901/", false)]
    public void A_destination_that_is_a_listener_of_the_edge_is_refused(string listener, string destination, bool isRefused)
    {
        Assert.Equal(
            isRefused ? ["admin_destination"] : [],
            CodesOf($$""" "Listen": [ "http://127.0.0.1:8081" ], "Admin": { "Listen": "{{listener}}", "Token": "${T}" } """, destination));
        Assert.Equal(
            isRefused ? ["own_listener"] : [],
            CodesOf($$""" "Listen": [ "{{listener}}" ], "Admin": { "Listen": "http://127.0.0.1:9999" } """, destination));
    }

    [Fact]
    public void The_listeners_that_there_are_by_default_count()
    {
        Assert.Equal(["admin_destination"], CodesOf("", "http://127.0.0.1:9901/"));
        Assert.Equal(["own_listener"], CodesOf("", "http://127.0.0.1:8080/"));
    }

    [Theory]
    [InlineData("\"Destinations\": { \"d\": { \"Address\": \"http://127.0.0.1:1/\", \"Health\": \"http://127.0.0.1:9901/\" } }")]
    [InlineData("\"Destinations\": { \"d\": { \"Address\": \"${ADDRESS}\" } }")]
    [InlineData(
        "\"Destinations\": { \"d\": { \"Address\": \"http://a/\" } }, "
        + "\"HttpClient\": { \"WebProxy\": { \"Address\": \"http://localhost:9901\" } }")]
    public void So_is_what_is_probed_or_gone_through_and_what_a_variable_says(string cluster)
    {
        var read = Configurations.Read(
            $$"""
            { "ReverseProxy": { "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "/{**rest}" } } },
                                "Clusters": { "c": { {{cluster}} } } } }
            """,
            ("ADDRESS", "http://127.0.0.1:9901/"));

        var fault = Assert.Single(read.Faults);
        Assert.Equal("admin_destination", fault.Code);
        Assert.Equal(cluster.Contains('$'), fault.Message.Contains("${ADDRESS}", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true, "0.0.0.0/0")]
    [InlineData(true, "::/0")]
    [InlineData(true, "0.0.0.0/1", "128.0.0.0/1")]
    [InlineData(true, "128.0.0.0/1", "64.0.0.0/2", "0.0.0.0/2")]
    [InlineData(true, "::ffff:0:0/96")]
    [InlineData(true, "::/1", "8000::/1")]
    [InlineData(true, "2000::/4", "3000::/4")]
    [InlineData(true, "0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3")]
    [InlineData(false, "0.0.0.0/1")]
    [InlineData(false, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8", "127.0.0.1")]
    [InlineData(false, "0.0.0.0/1", "129.0.0.0/8")]
    [InlineData(false, "2001:db8::/32")]
    public void Networks_that_hold_everybody_together_are_warned_of(bool isWarned, params string[] networks)
    {
        var list = string.Join(", ", networks.Select(network => $"\"{network}\""));
        Assert.Equal(isWarned ? ["trusts_everybody"] : [], CodesOf($"\"TrustedProxies\": [ {list} ]", "http://127.0.0.1:1/"));
    }

    [Theory]
    [InlineData("\"0123456789abcdef0123456789abcdef\"", true)]
    [InlineData("\"${SHORT}\"", true)]
    [InlineData("\"${T}\"", false)]
    [InlineData("\"\"", false)]
    public void A_token_that_anybody_can_read_or_guess_is_warned_of(string token, bool isWarned) =>
        Assert.Equal(isWarned ? ["weak_admin_token"] : [], CodesOf($$""" "Admin": { "Token": {{token}} } """, "http://127.0.0.1:1/"));

    private static IEnumerable<string> CodesOf(string edge, string destination) => Configurations.Read(
        Configurations.Document(sections: $$""" "Edge": { {{edge}} }, """)
            .Replace("http://127.0.0.1:5001/", destination, StringComparison.Ordinal),
        ("T", new string('t', 32)), ("SHORT", "hunter2")).Faults.Select(fault => fault.Code);
}
