using EdgeProxy.Errors;
using Xunit;

namespace EdgeProxy.Tests.Errors;

public sealed class AcceptanceTests
{
    [Theory]
    [InlineData("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true)]
    [InlineData("text/html", true)]
    [InlineData("text/*", true)]
    [InlineData("TEXT/HTML;q=0.5, application/json;q=0.4", true)]
    [InlineData("text/html;level=1;q=0.7, */*;q=0.1", true)]
    [InlineData("application/json;q=0.9,text/html", true)]
    [InlineData("*/*", false)]
    [InlineData("", false)]
    [InlineData("application/json", false)]
    [InlineData("text/html, application/json", false)]
    [InlineData("text/html;q=0.5, */*", false)]
    [InlineData("text/html;q=0, */*;q=0.1", false)]
    [InlineData("text/html;q=0.2, application/problem+json;q=0.3", false)]
    [InlineData("text/html;q=nonsense", false)]
    [InlineData(";;,,q=1;;", false)]
    public void A_page_is_written_only_for_who_prefers_one(string accept, bool html) =>
        Assert.Equal(html, Acceptance.PrefersHtml([accept]));

    [Fact]
    public void Several_fields_count_as_one() =>
        Assert.True(Acceptance.PrefersHtml(["application/json;q=0.3", "text/html;q=0.4"]));

    [Fact]
    public void Without_the_field_the_answer_is_json() => Assert.False(Acceptance.PrefersHtml([]));
}
