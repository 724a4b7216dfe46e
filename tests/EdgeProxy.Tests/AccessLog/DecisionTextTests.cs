using System.Text;
using System.Text.Json;
using EdgeProxy.AccessLog;
using EdgeProxy.Tests.Configuration;
using EdgeProxy.Tests.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Xunit;

namespace EdgeProxy.Tests.AccessLog;

/// <summary>A record is one line, or one field, whatever is in it.</summary>
public sealed class DecisionTextTests
{
    private static readonly ManualTime Time = new();

    public static TheoryData<string> Targets() =>
    [
        "/a\r\n{\"time\":\"forged\"}", "/quote\"},{\"", "/\u2028\u0085é😀", "/half\ud83d", "/\0\u001b[31m", "http://user:secret@host/p?q",
        "*", "/" + new string('p', 5000),
    ];

    [Theory, MemberData(nameof(Targets))]
    public void A_line_is_one_object_of_JSON_in_ASCII_whatever_the_path_is(string target)
    {
        var (context, record) = Request(target);

        var line = Encoding.Latin1.GetString(DecisionText.Line(context, context.Edge(), record, Time, withQuery: true));

        Assert.Equal(line.Length - 1, line.IndexOf('\n', StringComparison.Ordinal));
        Assert.All(line[..^1], character => Assert.InRange(character, ' ', '~'));
        Assert.InRange(line.Length, 100, 8000);
        using var json = JsonDocument.Parse(line);
        Assert.Equal("id-12345", json.RootElement.GetProperty("requestId").GetString());
        Assert.DoesNotContain("secret", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_query_is_written_only_on_request()
    {
        var (context, record) = Request("/p?token=xyz");
        context.Request.QueryString = new QueryString("?token=xyz");
        context.Request.Headers.Authorization = "Bearer xyz";
        context.Request.Headers.Cookie = "session=xyz";

        var without = Encoding.ASCII.GetString(DecisionText.Line(context, context.Edge(), record, Time, withQuery: false));
        var with = Encoding.ASCII.GetString(DecisionText.Line(context, context.Edge(), record, Time, withQuery: true));

        Assert.DoesNotContain("xyz", without, StringComparison.Ordinal);
        Assert.Contains("\"query\":\"?token=xyz\"", with, StringComparison.Ordinal);
        Assert.DoesNotContain("session", with, StringComparison.Ordinal);
    }

    [Fact]
    public void What_others_decided_is_told_and_what_nobody_did_is_left_out()
    {
        var (context, record) = Request("/");
        var plain = DecisionText.Field(context.Edge(), record);
        (context.Edge().ShedBy, record.RetrySkipped) = ("memory", "budget");
        (context.Edge().FallbackKind, context.Edge().FallbackCause) = ("static", "circuit_open");
        context.Edge().QueuedTicks = 1500; // microseconds

        using var json = JsonDocument.Parse(DecisionText.Line(context, context.Edge(), record, Time, withQuery: false));

        Assert.Equal(("memory", "static", "circuit_open", "budget", 1.5), (
            json.RootElement.GetProperty("shedBy").GetString(),
            json.RootElement.GetProperty("fallback").GetString(),
            json.RootElement.GetProperty("fallbackCause").GetString(),
            json.RootElement.GetProperty("retrySkipped").GetString(),
            json.RootElement.GetProperty("queuedMs").GetDouble()));
        Assert.DoesNotMatch("shed|fallback|retry|queue", plain);
    }

    [Theory, InlineData(1), InlineData(100)]
    public void A_field_is_visible_ASCII_and_bounded(int attempts)
    {
        var (context, record) = Request("/");
        for (var i = 0; i < attempts; i++)
        {
            record.Attempted("other cluster", new string('é', 500), "ok", 200, TimeSpan.FromMilliseconds(1.5));
        }

        var field = DecisionText.Field(context.Edge(), record);

        Assert.All(field, character => Assert.InRange(character, '!', '~'));
        Assert.InRange(field.Length, 10, DecisionText.FieldBytesMax);
        using var json = JsonDocument.Parse(field);
        Assert.Equal("id-12345", json.RootElement.GetProperty("requestId").GetString());
        Assert.Equal(attempts == 1, json.RootElement.TryGetProperty("attempts", out var noted) && noted.GetArrayLength() == 1);
    }

    private static (HttpContext Context, DecisionRecord Record) Request(string target)
    {
        var record = new DecisionRecord { IsLogged = true };
        var context = new DefaultHttpContext();
        context.Features.Get<IHttpRequestFeature>()!.RawTarget = target;
        context.Request.Path = "/p";
        context.Request.Method = "GET";
        context.Features.Set(new EdgeContext(Configurations.Read(Configurations.Document()).Revision!, "id-12345", startedAt: 0)
        {
            Record = record,
        });
        return (context, record);
    }
}
