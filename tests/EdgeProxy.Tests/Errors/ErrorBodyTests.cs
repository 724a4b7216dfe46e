using System.Text;
using System.Text.Json;
using EdgeProxy.Errors;
using Xunit;

namespace EdgeProxy.Tests.Errors;

public sealed class ErrorBodyTests
{
    [Fact]
    public void A_problem_reads_as_documented()
    {
        var failure = new EdgeFailure(EdgeErrors.RateLimited) { RetryAfterSeconds = 3, ViolatedPolicies = ["sec"] };

        var body = Encoding.UTF8.GetString(ErrorBody.Problem(failure, "urn:edgeproxy:error:", "GET", "0HN:1", "4bf9"));

        Assert.Equal(
            """
            {"type":"urn:edgeproxy:error:rate_limited","title":"Rate limit exceeded","status":429,
            "detail":"This client has used up the requests it may send for now. Retry-After says when the next one is due.",
            "instance":"urn:request:0HN:1","code":"rate_limited","requestId":"0HN:1","traceId":"4bf9",
            "source":"policy","retryable":true,"retryAfter":3,"violated-policies":["sec"]}
            """.ReplaceLineEndings(""),
            body);
    }

    [Theory]
    [InlineData("GET", true)]
    [InlineData("HEAD", true)]
    [InlineData("PUT", true)]
    [InlineData("DELETE", true)]
    [InlineData("OPTIONS", true)]
    [InlineData("POST", false)]
    [InlineData("PATCH", false)]
    [InlineData("", false)]
    public void What_only_an_idempotent_request_may_repeat_depends_on_the_method(string method, bool retryable)
    {
        var body = ErrorBody.Problem(new EdgeFailure(EdgeErrors.DeadlineExceeded), "urn:", method, "id", null);

        Assert.Equal(retryable, JsonDocument.Parse(body).RootElement.GetProperty("retryable").GetBoolean());
    }

    [Fact]
    public void A_page_has_the_same_words()
    {
        var page = Encoding.UTF8.GetString(ErrorBody.Page(new EdgeFailure(EdgeErrors.RouteNotFound), "<id>"));

        Assert.Contains("<title>404 No route matches</title>", page, StringComparison.Ordinal);
        Assert.Contains(EdgeErrors.RouteNotFound.Detail, page, StringComparison.Ordinal);
        Assert.Contains("<code>route_not_found</code>", page, StringComparison.Ordinal);
        Assert.Contains("&lt;id&gt;", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Rate limit exceeded", "Rate limit exceeded")]
    [InlineData("100 %", "100 %25")]
    [InlineData("–\n", "%E2%80%93%0A")]
    public void A_grpc_message_is_percent_encoded(string message, string encoded) => Assert.Equal(encoded, GrpcAnswer.Encode(message));

    [Theory]
    [InlineData("application/grpc", true)]
    [InlineData("application/grpc+proto", true)]
    [InlineData("application/grpc-web; charset=utf-8", true)]
    [InlineData("APPLICATION/GRPC;x=y", true)]
    [InlineData("application/grpcish", false)]
    [InlineData("application/json", false)]
    [InlineData(null, false)]
    public void A_grpc_call_is_known_by_its_content_type(string? type, bool isGrpc) => Assert.Equal(isGrpc, GrpcAnswer.IsExpected(type));
}
