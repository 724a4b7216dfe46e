using System.Text.RegularExpressions;
using EdgeProxy.Errors;
using Xunit;

namespace EdgeProxy.Tests.Errors;

/// <summary>The catalogue agrees with itself and with what users read about it.</summary>
public sealed partial class CatalogueTests
{
    private static readonly string[] Tokens =
    [
        "dns_timeout", "dns_error", "destination_not_found", "destination_unavailable", "destination_ip_prohibited",
        "destination_ip_unroutable", "connection_refused", "connection_terminated", "connection_timeout",
        "connection_read_timeout", "connection_write_timeout", "connection_limit_reached", "tls_protocol_error",
        "tls_certificate_error", "tls_alert_received", "http_request_error", "http_request_denied",
        "http_response_incomplete", "http_response_header_section_size", "http_response_header_size",
        "http_response_body_size", "http_response_trailer_section_size", "http_response_trailer_size",
        "http_response_transfer_coding", "http_response_content_coding", "http_response_timeout", "http_upgrade_failed",
        "http_protocol_error", "proxy_internal_response", "proxy_internal_error", "proxy_configuration_error",
        "proxy_loop_detected", "",
    ];

    [Fact]
    public void The_documented_table_is_the_catalogue()
    {
        var documented = Row().Matches(Repository.Read("docs/errors.md")).Select(row => row.Groups[1].Value).Order();

        Assert.Equal(EdgeErrors.All.Select(Documented).Order(), documented);
    }

    [Fact]
    public void The_rules_count_every_failure_of_the_edge_and_of_upstreams_and_no_other()
    {
        var lists = CountedCodes().Matches(Repository.Read("config/prometheus/rules.yml")).Select(list => list.Groups[1].Value).ToList();
        var failures = EdgeErrors.All
            .Where(error => error.Source is ErrorSource.Edge or ErrorSource.Upstream && error.Status != 0) // which upstreams made
            .Select(error => error.Code);

        Assert.Equal(2, lists.Count);
        Assert.All(lists, list => Assert.Equal(failures.Order(), list.Split('|').Order()));
    }

    [Fact]
    public void What_is_documented_as_given_today_is_named_by_the_code_and_by_a_test()
    {
        var source = Sources("src/EdgeProxy/");

        // Tests that see answers. Those of the configuration name faults, of which some are called as errors are.
        var tests = Sources("tests/EdgeProxy.IntegrationTests/") + Sources("tests/EdgeProxy.EndToEndTests/");
        foreach (var field in typeof(EdgeErrors).GetFields())
        {
            var error = (EdgeError)field.GetValue(null)!;
            if (Repository.Read("docs/errors.md").Split('\n').Any(row =>
                row.StartsWith($"| `{error.Code}` ", StringComparison.Ordinal) && row.EndsWith("| yes |", StringComparison.Ordinal)))
            {
                Assert.Matches($@"EdgeErrors\.{field.Name}\b", source);
                Assert.Matches($@"\b{error.Code}\b", tests);
            }
        }
    }

    [Fact]
    public void A_code_is_named_once_and_a_field_after_its_code()
    {
        Assert.Equal(EdgeErrors.All.Length, EdgeErrors.All.Select(error => error.Code).Distinct().Count());
        foreach (var field in typeof(EdgeErrors).GetFields())
        {
            var error = (EdgeError)field.GetValue(null)!;
            Assert.Equal(error.Code.Replace("_", "", StringComparison.Ordinal), field.Name, ignoreCase: true);
        }
    }

    [Fact]
    public void A_token_of_Proxy_Status_is_a_registered_one() =>
        Assert.All(EdgeErrors.All, error => Assert.Contains(error.ProxyStatus, Tokens));

    [Fact]
    public void A_text_is_a_sentence_that_needs_no_escaping() => Assert.All(EdgeErrors.All, error =>
    {
        Assert.EndsWith(".", error.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain(error.Title + error.Detail, character => character is '<' or '>' or '"' or '&' or '{' or '}');
    });

    private static string Sources(string folder) => string.Concat(Repository.Files()
        .Where(file => file.StartsWith(folder, StringComparison.Ordinal) && file.EndsWith(".cs", StringComparison.Ordinal))
        .Select(Repository.Read));

    private static string Documented(EdgeError error) => string.Join(" | ",
        $"`{error.Code}`",
        error.Status == 0 ? "the upstream's" : $"{error.Status}",
        error.Title,
        error.ProxyStatus.Length == 0 ? "–" : error.ProxyStatus,
        error.Retryable switch
        {
            Retryable.No => "no",
            Retryable.Yes => "yes",
            Retryable.After => "after",
            _ => "if idempotent",
        },
        $"{error.GrpcStatus}",
        $"{error.Source}".ToLowerInvariant());

    [GeneratedRegex("edgeproxy_errors_total\\{code=~\"([a-z_|]+)\"\\}")]
    private static partial Regex CountedCodes();

    /// <summary>A row of a table whose first cell is a code, up to but without the column `today`.</summary>
    [GeneratedRegex(@"^\| (`[a-z_]+` \|.*?) \| (yes|–) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();
}
