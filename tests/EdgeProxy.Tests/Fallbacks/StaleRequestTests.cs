using System.Collections.Frozen;
using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using EdgeProxy.Fallbacks;
using EdgeProxy.Tests.Configuration;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Xunit;

namespace EdgeProxy.Tests.Fallbacks;

/// <summary>Which requests may be given the kept response of another, and have theirs kept for others.</summary>
public sealed class StaleRequestTests
{
    private static readonly StaleSettings Plain = new();

    [Theory]
    [InlineData("Accept")]
    [InlineData("accept-language")]
    [InlineData("User-Agent")]
    [InlineData("Host")]
    [InlineData("Cache-Control")]
    [InlineData("If-None-Match")]
    [InlineData("Origin")]
    [InlineData("Referer")]
    [InlineData("traceparent")]
    [InlineData("X-B3-TraceId")]
    [InlineData("Sec-Fetch-Mode")]
    [InlineData("sec-ch-ua")]
    [InlineData("X-Forwarded-For")]
    [InlineData("X-Request-Id")]
    [InlineData("Upgrade-Insecure-Requests")]
    public void A_field_that_says_nothing_of_who_asks_is_anybody_s(string name) =>
        Assert.True(StaleRequest.IsAnybodys(Request((name, "x")), Plain, []));

    [Theory]
    [InlineData("Authorization")]
    [InlineData("Proxy-Authorization")]
    [InlineData("Cookie")]
    [InlineData("X-Api-Key")]
    [InlineData("api_key")]
    [InlineData("access_key")]
    [InlineData("Ocp-Apim-Subscription-Key")]
    [InlineData("X-Scope-OrgID")]
    [InlineData("X-ARR-ClientCert")]
    [InlineData("X-Forwarded-Client-Cert")]
    [InlineData("X-Forwarded-User")]
    [InlineData("X-Forwarded-Access-Token")]
    [InlineData("X-Customer-Id")]
    [InlineData("X-Client-Id")]
    [InlineData("X-Key")]
    [InlineData("From")]
    [InlineData("X-Device-Id")]
    [InlineData("baggage")]
    [InlineData("Sec-Token-Binding")]
    [InlineData("Sec-Session-Response")]
    [InlineData("Accept-Session")]
    [InlineData("X-Original-URL")]
    [InlineData("X-Rewrite-URL")]
    [InlineData("X-HTTP-Method-Override")]
    [InlineData("X-Host")]
    [InlineData("X-Something-That-Nobody-Has-Thought-Of")]
    public void Any_other_field_makes_a_request_somebody_s_unless_it_is_named(string name)
    {
        Assert.False(StaleRequest.IsAnybodys(Request((name, "x")), Plain, []));
        Assert.True(StaleRequest.IsAnybodys(Request((name, "x")), new StaleSettings { Vary = [name.ToUpperInvariant()] }, []));
        Assert.Equal(name != "Authorization", StaleRequest.IsAnybodys(Request((name, "x")), Plain, [name.ToLowerInvariant()]));
        var ignoring = new StaleSettings { Ignore = FrozenSet.Create(StringComparer.OrdinalIgnoreCase, name) };
        Assert.True(StaleRequest.IsAnybodys(Request((name, "x")), ignoring, []));
        Assert.False(StaleRequest.IsAnybodys(Request((name, "x"), ("X-More", "y")), new StaleSettings { Vary = [name] }, []));
    }

    [Fact]
    public void A_key_that_the_edge_has_recognised_is_its_own_business()
    {
        var known = Request(("X-Acme", "k"));
        known.Edge().KnownClient = new Client("acme", "gold", IsAnonymous: false);
        Assert.True(StaleRequest.IsAnybodys(known, Plain, []));
        Assert.False(StaleRequest.IsAnybodys(Request(("X-Acme", "k")), Plain, []));
    }

    [Theory]
    [InlineData("", "", true)]
    [InlineData("Cache-Control", "max-age=0", true)]
    [InlineData("Cache-Control", "no-store", false)]
    [InlineData("Cache-Control", "no-cache", false)]
    [InlineData("Range", "bytes=0-1", false)]
    public void A_request_that_a_shared_cache_may_not_answer_is_none_of_its(string name, string value, bool expected) =>
        Assert.Equal(expected, StaleRequest.IsCacheable(name.Length == 0 ? Request() : Request((name, value))));

    [Fact]
    public void A_request_that_may_have_a_body_is_not_looked_at() => Assert.False(StaleRequest.IsCacheable(new DefaultHttpContext()));

    private static DefaultHttpContext Request(params (string Name, string Value)[] fields)
    {
        var context = new DefaultHttpContext();
        context.Features.Set<IHttpRequestBodyDetectionFeature>(new NoBody());
        context.Features.Set(new EdgeContext(Configurations.Read(Configurations.Document(sections: """
            "Clients": { "ApiKey": { "Header": "X-Acme" } },
            """)).Revision!, "id", startedAt: 0));
        foreach (var (name, value) in fields)
        {
            context.Request.Headers[name] = value;
        }

        return context;
    }

    private sealed class NoBody : IHttpRequestBodyDetectionFeature
    {
        public bool CanHaveBody => false;
    }
}
