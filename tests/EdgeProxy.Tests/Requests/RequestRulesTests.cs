using EdgeProxy.Configuration;
using EdgeProxy.Requests;
using Microsoft.AspNetCore.Http.Features;
using Xunit;

namespace EdgeProxy.Tests.Requests;

public sealed class RequestRulesTests
{
    private static readonly RequestOptions Limits = new() { HeaderBytes = 1024, HeaderCount = 10, TargetBytes = 256 };

    [Theory]
    [InlineData("GET")]
    [InlineData("QUERY")]
    [InlineData("PROPFIND")]
    [InlineData("VERSION-CONTROL")]
    public void A_registered_method_passes(string method) => Assert.Null(Check(Request(method)));

    [Theory]
    [InlineData("TRACE")]
    [InlineData("CONNECT")]
    [InlineData("PRI")]
    [InlineData("get")]
    [InlineData("BREW")]
    public void Another_method_is_not_implemented(string method) => Assert.Equal("method_not_supported", Check(Request(method)));

    [Fact]
    public void The_one_CONNECT_that_is_served_opens_a_WebSocket() =>
        Assert.Null(Check(Request("CONNECT"), isWebSocket: true));

    [Theory]
    [InlineData("/%2F", null)]
    [InlineData("/a%20b?x=%zz", null)]
    [InlineData("/%", "invalid_path")]
    [InlineData("/%2", "invalid_path")]
    [InlineData("/ok%2Fa%zz", "invalid_path")]
    [InlineData("/%2%30", "invalid_path")]
    public void A_path_is_percent_encoded_rightly(string target, string? code) => Assert.Equal(code, Check(Request(target: target)));

    [Theory]
    [InlineData("/!$&'()*,;=:@[]{}|^`\"<>\\~", null)]
    [InlineData("/a b", "invalid_path")]
    [InlineData("/a HTTP/1.0", "invalid_path")]
    [InlineData("/a?b c", "invalid_path")]
    [InlineData("/a#/b", "invalid_path")]
    [InlineData("/a?b#c", "invalid_path")]
    [InlineData("/a\tb", "invalid_path")]
    [InlineData("/a\u007f", "invalid_path")]
    [InlineData("/a\u00ff", "invalid_path")]
    [InlineData("/a?\u20ac", "invalid_path")]
    public void A_target_has_no_character_that_it_could_end_at(string target, string? code) =>
        Assert.Equal(code, Check(Request(target: target)));

    [Theory]
    [InlineData("x y", "v", "malformed_request")]
    [InlineData("x\"", "v", "malformed_request")]
    [InlineData("", "v", "malformed_request")]
    [InlineData("x", "a\u0001b", "malformed_request")]
    [InlineData("x", "a\u007fb", "malformed_request")]
    [InlineData("x", "tab\tand \u00e9 and \u00ff", null)]
    [InlineData("x!#$%&'*+-.^_`|~1", "v", null)]
    public void A_field_is_a_token_and_visible(string name, string value, string? code)
    {
        var request = Request();
        request.Headers[name] = value;
        Assert.Equal(code, Check(request));
    }

    [Theory]
    [InlineData("", "invalid_host")]
    [InlineData(null, "invalid_host")]
    [InlineData("a", null)]
    public void A_request_names_a_host(string? host, string? code)
    {
        var request = Request();
        request.Headers.Remove("Host");
        if (host is not null)
        {
            request.Headers.Host = host;
        }

        Assert.Equal(code, Check(request));
    }

    [Theory]
    [InlineData("a:65535", null)]
    [InlineData("[::1]", null)]
    [InlineData("[::1]:8080", null)]
    [InlineData("a:65536", "invalid_host")]
    [InlineData("a:99999999", "invalid_host")]
    [InlineData("[::1]:65536", "invalid_host")]
    [InlineData("a:", "invalid_host")]
    [InlineData("a:+80", "invalid_host")]
    [InlineData("[1111]", "invalid_host")]
    [InlineData("[127.0.0.1]", "invalid_host")]
    [InlineData("[::1", "invalid_host")]
    [InlineData("user@a", "invalid_host")]
    [InlineData("user:80@a", "invalid_host")]
    public void A_host_has_a_port_that_exists_and_no_user(string host, string? code)
    {
        var request = Request();
        request.Headers.Host = host;
        Assert.Equal(code, Check(request));
    }

    [Theory]
    [InlineData("http://a/x", "http", null)]
    [InlineData("HTTPS://a", "https", null)]
    [InlineData("http://a/@x?y@z", "http", null)]
    [InlineData("http://a?y@z", "http", null)]
    [InlineData("/http://u@a", "http", null)]
    [InlineData("http://user@a/x", "http", "invalid_host")]
    [InlineData("http://user:word@a", "http", "invalid_host")]
    [InlineData("https://a/x", "http", "malformed_request")]
    [InlineData("http://a/x", "https", "malformed_request")]
    public void A_target_in_absolute_form_names_the_connection_s_scheme_and_no_user(string target, string scheme, string? code)
    {
        var request = Request(target: target);
        request.Scheme = scheme;
        Assert.Equal(code, Check(request));
    }

    [Fact]
    public void HTTP_1_0_knows_no_host()
    {
        var request = Request();
        request.Protocol = "HTTP/1.0";
        request.Headers.Remove("Host");
        Assert.Null(Check(request));
    }

    [Theory]
    [InlineData("chunked", "HTTP/1.1", null, null)]
    [InlineData("Chunked", "HTTP/1.1", null, null)]
    [InlineData("gzip, chunked", "HTTP/1.1", null, "ambiguous_framing")]
    [InlineData("chunked, chunked", "HTTP/1.1", null, "ambiguous_framing")]
    [InlineData("identity", "HTTP/1.1", null, "ambiguous_framing")]
    [InlineData("chunked", "HTTP/1.0", null, "ambiguous_framing")]
    [InlineData("chunked", "HTTP/1.1", "5", "ambiguous_framing")]
    public void A_body_ends_in_one_place(string coding, string protocol, string? setAside, string? code)
    {
        var request = Request("POST");
        request.Protocol = protocol;
        request.Headers.TransferEncoding = coding;
        if (setAside is not null)
        {
            request.Headers["X-Content-Length"] = setAside;
        }

        Assert.Equal(code, Check(request));
    }

    [Fact]
    public void Bounds_are_inclusive()
    {
        Assert.Null(Check(Request(target: "/" + new string('a', 255))));
        Assert.Equal("uri_too_long", Check(Request(target: "/" + new string('a', 256))));

        var request = Request();
        request.Headers["x"] = new string('v', 1024 - "Hosta".Length - 1);
        Assert.Null(Check(request));
        request.Headers["x"] += "v";
        Assert.Equal("header_too_large", Check(request));

        request.Headers["x"] = Enumerable.Repeat("v", 9).ToArray();
        Assert.Null(Check(request));
        request.Headers["x"] = Enumerable.Repeat("v", 10).ToArray();
        Assert.Equal("too_many_headers", Check(request));
    }

    [Theory]
    [InlineData("a", null)]
    [InlineData("a.", null)]
    [InlineData("a.:8080", null)]
    [InlineData("a..", "invalid_host")]
    [InlineData("a..b", "invalid_host")]
    [InlineData(".a", "invalid_host")]
    [InlineData(":80", "invalid_host")]
    [InlineData("a:x", "invalid_host")]
    public void A_host_has_no_empty_label_and_may_say_that_it_is_complete(string host, string? code)
    {
        var request = Request();
        request.Headers.Host = host;
        Assert.Equal(code, Check(request));
    }

    private static string? Check(HttpRequestFeature request, bool isWebSocket = false)
    {
        var received = default(ReceivedFields);
        return RequestRules.Check(request, Limits, isWebSocket, isTrusted: false, ref received)?.Code;
    }

    private static HttpRequestFeature Request(string method = "GET", string target = "/")
    {
        var request = new HttpRequestFeature { Method = method, RawTarget = target, Protocol = "HTTP/1.1" };
        request.Headers.Host = "a";
        return request;
    }
}
