using System.Collections.Immutable;
using System.Net;
using EdgeProxy.Fallbacks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Xunit;

namespace EdgeProxy.Tests.Fallbacks;

/// <summary>Which answers are kept for others, and for how long.</summary>
public sealed class StaleRulesTests
{
    [Theory]
    [InlineData(200, "", true, "")]
    [InlineData(200, "Cache-Control: public, max-age=60", true, "")]
    [InlineData(200, "Vary: Accept-Language, accept", true, "accept,accept-language")]
    [InlineData(200, "Content-Encoding: gzip", true, "accept-encoding")]
    [InlineData(206, "", false, "")]
    [InlineData(404, "", false, "")]
    [InlineData(200, "Set-Cookie: a=b", false, "")]
    [InlineData(200, "Cache-Control: no-store", false, "")]
    [InlineData(200, "Cache-Control: max-age=5, PRIVATE", false, "")]
    [InlineData(200, "Cache-Control: private=\"X-A, X-B\"", false, "")]
    [InlineData(200, "Cache-Control: no-cache", false, "")]
    [InlineData(200, "Pragma: no-cache", false, "")]
    [InlineData(200, "Vary: *", false, "")]
    [InlineData(200, "Vary: X-Forwarded-For", false, "")]
    [InlineData(200, "Vary: a, b, c, d, e, f, g, h, i", false, "")]
    [InlineData(200, "Content-Type: text/event-stream", false, "")]
    public void An_answer_is_kept_when_a_shared_cache_may_keep_it(int status, string line, bool expected, string vary)
    {
        using var answer = Answer(status, line);

        Assert.Equal(expected, StaleRules.MayKeep(answer, out var names));
        if (expected)
        {
            Assert.Equal(vary, string.Join(',', names));
        }
    }

    [Fact]
    public void An_answer_that_ends_with_its_connection_is_not_kept()
    {
        using var answer = new HttpResponseMessage(HttpStatusCode.OK) { Version = HttpVersion.Version11, Content = new Endless() };
        Assert.False(StaleRules.MayKeep(answer, out ImmutableArray<string> _));
        answer.Headers.TransferEncodingChunked = true;
        Assert.True(StaleRules.MayKeep(answer, out _));
    }

    [Theory]
    [InlineData("", 0, 60, true)]
    [InlineData("", 0, 61, false)]
    [InlineData("Cache-Control: max-age=5", 0, 60, true)]
    [InlineData("Cache-Control: max-age=5, must-revalidate", 0, 5, true)]
    [InlineData("Cache-Control: max-age=5, must-revalidate", 0, 6, false)]
    [InlineData("Cache-Control: max-age=5, must-revalidate", 3, 3, false)]
    [InlineData("Cache-Control: s-maxage=5, max-age=50", 0, 6, false)]
    [InlineData("Cache-Control: proxy-revalidate", 0, 1, false)]
    [InlineData("Cache-Control: max-age=x, must-revalidate", 0, 1, false)]
    public void A_kept_answer_is_given_as_long_as_the_route_and_its_origin_allow(string line, int ageThen, int seconds, bool expected)
    {
        using var answer = Answer(200, line);
        answer.Headers.TryAddWithoutValidation("Age", ageThen.ToString());
        var kept = StaleAnswer.Of(answer, TimeSpan.FromHours(1), without: null);

        var now = TimeSpan.FromHours(1) + TimeSpan.FromSeconds(seconds);
        Assert.Equal(expected, kept.MayServe(now, TimeSpan.FromMinutes(1)));
        Assert.Equal(ageThen + seconds, kept.Age(now).TotalSeconds);
    }

    [Theory]
    [InlineData("If-None-Match: \"a\"", 304)]
    [InlineData("If-None-Match: W/\"a\"", 304)]
    [InlineData("If-None-Match: \"b\", \"a\"", 304)]
    [InlineData("If-None-Match: *", 304)]
    [InlineData("If-None-Match: \"b\"", 200)]
    [InlineData("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 304)]
    [InlineData("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT", 200)]
    [InlineData("Range: bytes=0-1", 200)]
    public void Who_has_the_same_answer_is_told_so(string line, int status)
    {
        using var answer = Answer(200, "ETag: \"a\"");
        answer.Content.Headers.TryAddWithoutValidation("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT");
        answer.Headers.TryAddWithoutValidation("X-Cost", "7");
        var kept = StaleAnswer.Of(answer, TimeSpan.Zero, without: "x-cost");

        using var message = kept.ToMessage(Request(line).Request, TimeSpan.FromSeconds(9), "edge");

        Assert.Equal(status, (int)message.StatusCode);
        Assert.Equal(["\"a\""], message.Headers.GetValues("ETag"));
        Assert.Equal(["9"], message.Headers.GetValues("Age"));
        Assert.Equal(["edge; hit; ttl=-9"], message.Headers.GetValues("Cache-Status"));
        Assert.Equal(status == 200, message.Content.Headers.Contains("Content-Type"));
        Assert.False(message.Headers.Contains("X-Cost"));
    }

    private static DefaultHttpContext Request(string line)
    {
        var context = new DefaultHttpContext();
        context.Features.Set<IHttpRequestBodyDetectionFeature>(new NoBody());
        if (line.Length > 0)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            context.Request.Headers[line[..colon]] = line[(colon + 2)..];
        }

        return context;
    }

    private static HttpResponseMessage Answer(int status, string line)
    {
        var answer = new HttpResponseMessage((HttpStatusCode)status) { Content = new StringContent("body") };
        if (line.Length > 0)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var (name, value) = (line[..colon], line[(colon + 2)..]);
            if (!answer.Headers.TryAddWithoutValidation(name, value))
            {
                answer.Content.Headers.Remove(name);
                answer.Content.Headers.TryAddWithoutValidation(name, value);
            }
        }

        return answer;
    }

    private sealed class NoBody : IHttpRequestBodyDetectionFeature
    {
        public bool CanHaveBody => false;
    }

    private sealed class Endless : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => Task.CompletedTask;

        protected override bool TryComputeLength(out long length)
        {
            length = -1;
            return false;
        }
    }
}
