using System.Net;
using EdgeProxy.Upstreams;
using Xunit;

namespace EdgeProxy.Tests.Upstreams;

public sealed class ConnectionAuthenticationTests
{
    [Theory]
    [InlineData("NTLM TlRMTVNTUAAB", true)]
    [InlineData("ntlm TlRMTVNTUAAB", true)]
    [InlineData("Negotiate YII=", true)]
    [InlineData("Nego2 YII=", true)]
    [InlineData("Basic bnRsbTpuZWdv", false)]
    [InlineData("Bearer NTLM", false)]
    public void A_credential_of_NTLM_or_Negotiate_is_told_by_its_scheme(string value, bool isBound)
    {
        using var request = new HttpRequestMessage();
        request.Headers.TryAddWithoutValidation("Authorization", value);

        Assert.Equal(isBound, ConnectionAuthentication.IsCredential(request));
    }

    [Theory]
    [InlineData(401, "NTLM", true)]
    [InlineData(401, "Basic realm=\"a\", Negotiate", true)]
    [InlineData(401, "Basic realm=\"NTLM\"", false)]
    [InlineData(403, "NTLM", false)]
    public void A_challenge_is_a_401_that_offers_one_of_them(int status, string value, bool isBound)
    {
        using var response = new HttpResponseMessage((HttpStatusCode)status);
        response.Headers.TryAddWithoutValidation("WWW-Authenticate", value);

        Assert.Equal(isBound, ConnectionAuthentication.IsChallenge(response));
    }
}
