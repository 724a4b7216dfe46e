using EdgeProxy.Errors;
using Xunit;

namespace EdgeProxy.Tests.Errors;

/// <summary>Whose `Proxy-Status` a line is.</summary>
public sealed class UpstreamFieldsTests
{
    [Fact]
    public void Lines_of_a_proxy_whose_name_begins_like_the_edge_s_are_kept() => Assert.Equal(
        ["edge2; error=dns_error", "cdn"],
        UpstreamFields.StatusOfOthers(["edge; error=dns_error", "edge2; error=dns_error", "cdn"], "edge"));
}
