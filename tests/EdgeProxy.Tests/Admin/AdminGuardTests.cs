using EdgeProxy.Admin;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.Tests.Admin;

/// <summary>Who may use the admin listener when it has a token.</summary>
public sealed class AdminGuardTests
{
    [Theory]
    [InlineData("Bearer secret-of-the-tests", true)]
    [InlineData("bearer secret-of-the-tests", true)] // RFC 9110 11.1: schemes compare without case
    [InlineData("BEARER  secret-of-the-tests ", true)]
    [InlineData("Bearer Secret-of-the-tests", false)]
    [InlineData("Basic secret-of-the-tests", false)]
    [InlineData("secret-of-the-tests", false)]
    [InlineData("", false)]
    public void The_scheme_compares_without_case_and_the_token_with_it(string authorization, bool mayPass)
    {
        var request = new DefaultHttpContext().Request;
        request.Headers.Authorization = authorization;

        var refusal = new AdminGuard(new AdminOptions { Token = "secret-of-the-tests" }).Refusal(request, openToAll: false);

        Assert.Equal(mayPass ? null : EdgeErrors.Unauthenticated, refusal);
    }
}
