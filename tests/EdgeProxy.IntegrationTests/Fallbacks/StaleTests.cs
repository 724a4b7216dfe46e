using System.Net;
using System.Net.Http.Headers;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Fallbacks;

/// <summary>Answers that are kept for the case that the upstream fails, with an upstream that does so on demand.</summary>
public sealed class StaleTests : IAsyncLifetime
{
    private const string Stale = "\"Fallback\": { \"Stale\": {}, \"Static\": { \"Body\": \"static\" } }";

    private Upstream _upstream = null!;
    private volatile string _trouble = "";
    private Action<HttpContext> _fields = _ => { };
    private int _version;

    public async ValueTask InitializeAsync() => _upstream = await Upstream.StartAsync(async context =>
    {
        switch (_trouble)
        {
            case "503":
                context.Response.StatusCode = 503;
                context.Response.Headers["X-Failed"] = "1";
                break;
            case "reset":
                context.Abort();
                break;
            case "silent":
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
                break;
            default:
                context.Response.Headers["X-Version"] = _version.ToString();
                _fields(context);
                await context.Response.WriteAsync($"answer {_version++} to {context.Request.Query["q"]}");
                break;
        }
    });

    public ValueTask DisposeAsync() => _upstream.DisposeAsync();

    [Theory]
    [InlineData("503", false)]
    [InlineData("503", true)]
    [InlineData("reset", false)]
    [InlineData("reset", true)]
    [InlineData("silent", false)]
    [InlineData("silent", true)]
    [InlineData("down", false)]
    [InlineData("down", true)]
    public async Task The_last_good_answer_to_the_same_request_stands_for_a_failure(string trouble, bool isHttp2)
    {
        await using var edge = await StartAsync("\"Timeout\": \"2s\",");
        using var readings = new Readings(edge);
        using var client = new Http2Client(edge);
        await edge.Client.GetStringAsync("/a?q=1", Wait.Deadline);
        Assert.Equal("answer 1 to 1", await edge.Client.GetStringAsync("/a?q=1", Wait.Deadline));
        await TroubleAsync(edge, trouble);

        using var answer = isHttp2
            ? await client.SendAsync(HttpMethod.Get, "/a?q=1")
            : await edge.Client.GetAsync("/a?q=1", Wait.Deadline);

        Assert.Equal((HttpStatusCode.OK, "answer 1 to 1"), (answer.StatusCode, await answer.Content.ReadAsStringAsync(Wait.Deadline)));
        Assert.Equal(["1"], answer.Headers.GetValues("X-Version"));
        Assert.Equal(["transformed"], answer.Headers.GetValues("X-Route"));
        Assert.Equal(["stale"], answer.Headers.GetValues("X-Edge-Fallback"));
        Assert.StartsWith("edgeproxy; hit; ttl=-", Assert.Single(answer.Headers.GetValues("Cache-Status")), StringComparison.Ordinal);
        Assert.InRange(answer.Headers.Age!.Value.TotalSeconds, 0, 30);
        Assert.Single(answer.Headers.GetValues("Proxy-Status"));
        Assert.False(answer.Headers.Contains("X-Failed"));
        Assert.Single(readings.Counted("edgeproxy_fallbacks_total"), series => series.Contains("kind=stale", StringComparison.Ordinal));

        using var other = await edge.Client.GetAsync("/a?q=2", Wait.Deadline);
        Assert.Equal("static", await other.Content.ReadAsStringAsync(Wait.Deadline));
        using var posted = await edge.Client.PostAsync("/a?q=1", null, Wait.Deadline);
        Assert.Equal("static", await posted.Content.ReadAsStringAsync(Wait.Deadline));
        using var head = await edge.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/a?q=1"), Wait.Deadline);
        Assert.Equal((13, "1"), (head.Content.Headers.ContentLength, Assert.Single(head.Headers.GetValues("X-Version"))));
    }

    [Theory]
    [InlineData("Cache-Control", "no-store")]
    [InlineData("Cache-Control", "private")]
    [InlineData("Set-Cookie", "a=b")]
    [InlineData("Vary", "*")]
    public async Task What_a_shared_cache_may_not_keep_is_not_kept(string name, string value)
    {
        _fields = context => context.Response.Headers[name] = value;
        await using var edge = await StartAsync();
        await edge.Client.GetStringAsync("/", Wait.Deadline);
        _trouble = "503";

        Assert.Equal("static", await edge.Client.GetStringAsync("/", Wait.Deadline));
    }

    [Fact]
    public async Task Answers_that_differ_by_a_field_are_kept_apart()
    {
        _fields = context =>
        {
            context.Response.Headers.Vary = "Accept-Language";
            context.Response.Headers.ETag = $"\"{context.Request.Headers.AcceptLanguage}\"";
        };
        await using var edge = await StartAsync();
        using var german = await edge.Client.SendAsync(Request("Accept-Language: de"), Wait.Deadline);
        using var english = await edge.Client.SendAsync(Request("Accept-Language: en"), Wait.Deadline);
        _trouble = "503";

        using var answer = await edge.Client.SendAsync(Request("Accept-Language: de"), Wait.Deadline);
        Assert.Equal("answer 0 to ", await answer.Content.ReadAsStringAsync(Wait.Deadline));
        using var french = await edge.Client.SendAsync(Request("Accept-Language: fr"), Wait.Deadline);
        Assert.Equal("static", await french.Content.ReadAsStringAsync(Wait.Deadline));

        using var conditional = Request("Accept-Language: de");
        conditional.Headers.IfNoneMatch.Add(new EntityTagHeaderValue("\"de\""));
        using var same = await edge.Client.SendAsync(conditional, Wait.Deadline);
        Assert.Equal(HttpStatusCode.NotModified, same.StatusCode);
    }

    [Fact]
    public async Task A_value_under_one_field_is_no_value_under_another()
    {
        _fields = context =>
        {
            var (fields, origin) = (context.Response.Headers, context.Request.Headers.Origin);
            (fields.Vary, fields.AccessControlAllowOrigin) = origin.Count > 0 ? ("Origin", origin) : ("Accept-Language", default);
        };
        await using var edge = await StartAsync();
        using var odd = await edge.Client.SendAsync(Request("Origin: de"), Wait.Deadline);
        using var english = await edge.Client.SendAsync(Request("Accept-Language: en"), Wait.Deadline);
        _trouble = "503";

        using var german = await edge.Client.SendAsync(Request("Accept-Language: de"), Wait.Deadline);
        Assert.Equal("static", await german.Content.ReadAsStringAsync(Wait.Deadline));
        using var again = await edge.Client.SendAsync(Request("Accept-Language: en"), Wait.Deadline);
        Assert.Equal("answer 1 to ", await again.Content.ReadAsStringAsync(Wait.Deadline));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Bodies_beyond_the_bound_pass_whole_and_are_not_kept(bool hasLength)
    {
        const int Size = (1 << 20) + 1;
        await using var large = await Upstream.StartAsync(async context =>
        {
            if (_trouble.Length > 0)
            {
                context.Response.StatusCode = 503;
                return;
            }

            context.Response.ContentLength = hasLength ? Size : null;
            for (var left = Size; left > 0; left -= 65536)
            {
                await context.Response.Body.WriteAsync(new byte[Math.Min(left, 65536)]);
            }
        });
        await using var edge = await StartAsync(address: large.Address);
        var whole = await edge.Client.GetByteArrayAsync("/", Wait.Deadline);
        Assert.Equal(Size, whole.Length);
        _trouble = "503";

        Assert.Equal("static", await edge.Client.GetStringAsync("/", Wait.Deadline));
    }

    [Fact]
    public async Task An_answer_that_breaks_off_is_not_kept_and_an_event_stream_is_not_held()
    {
        var half = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 80000\r\n\r\nhalf");
        });
        await using var edge = await StartAsync(address: half.Address);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => edge.Client.GetStringAsync("/", Wait.Deadline));
        await half.DisposeAsync();
        Assert.Equal("static", await edge.Client.GetStringAsync("/", Wait.Deadline));

        var goOn = new TaskCompletionSource();
        await using var events = await Upstream.StartAsync(async context =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync("data: 1\n\n");
            await context.Response.Body.FlushAsync();
            await goOn.Task;
        });
        await using var second = await StartAsync(address: events.Address);
        await using var stream = await second.Client.GetStreamAsync("/", Wait.Deadline);
        Assert.True(await stream.ReadAsync(new byte[32], Wait.Deadline) > 0);
        goOn.SetResult();
    }

    [Fact]
    public async Task All_that_is_kept_stays_within_its_bound()
    {
        const long Most = 64 << 20;
        await using var large = await Upstream.StartAsync(context => context.Response.Body.WriteAsync(new byte[1 << 20]).AsTask());
        await using var edge = await StartAsync(address: large.Address);
        using var readings = new Readings(edge);
        for (var i = 0; i < 70; i++)
        {
            await edge.Client.GetByteArrayAsync($"/{i}", Wait.Deadline);
        }

        Assert.InRange(readings.Gauges()["edgeproxy_stale_bytes{}"], Most / 2, Most);
    }

    [Theory]
    [InlineData("If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT")]
    [InlineData("If-Match: \"other\"")]
    public async Task A_condition_that_only_the_upstream_can_judge_is_not_given_what_was_kept(string line)
    {
        await using var edge = await StartAsync();
        await edge.Client.GetStringAsync("/", Wait.Deadline);
        _trouble = "503";
        using var request = Request(line);

        using var answer = await edge.Client.SendAsync(request, Wait.Deadline);

        Assert.Equal("static", await answer.Content.ReadAsStringAsync(Wait.Deadline));
    }

    [Fact]
    public async Task More_than_may_be_recorded_at_once_takes_no_room_from_later_answers()
    {
        const int Many = 80;
        var begun = 0;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            if (_trouble.Length > 0)
            {
                context.Response.StatusCode = 503;
                return;
            }

            context.Response.ContentLength = 900_000; // room for all of it is taken at once
            await context.Response.Body.WriteAsync(new byte[800_000]);
            if (context.Request.Path == "/many")
            {
                if (Interlocked.Increment(ref begun) == Many)
                {
                    all.SetResult();
                }

                await all.Task.WaitAsync(context.RequestAborted);
            }

            await context.Response.Body.WriteAsync(new byte[100_000]);
        });
        await using var edge = await StartAsync(address: upstream.Address);
        await Task.WhenAll(Enumerable.Range(0, Many).Select(i => edge.Client.GetByteArrayAsync($"/many?q={i}", Wait.Deadline)));
        await edge.Client.GetByteArrayAsync("/later", Wait.Deadline);

        _trouble = "503";

        Assert.Equal(900_000, (await edge.Client.GetByteArrayAsync("/later", Wait.Deadline)).Length);
    }

    [Fact]
    public async Task An_answer_that_is_too_old_is_not_given()
    {
        await using var edge = await StartAsync(fallback: Stale.Replace("\"Stale\": {}", "\"Stale\": { \"MaxAge\": \"1s\" }"));
        await edge.Client.GetStringAsync("/", Wait.Deadline);
        _trouble = "503";
        Assert.Equal("answer 0 to ", await edge.Client.GetStringAsync("/", Wait.Deadline));

        await Wait.UntilAsync(async () => await edge.Client.GetStringAsync("/", Wait.Deadline) == "static", "too old");
    }

    private static HttpRequestMessage Request(string line)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/");
        var colon = line.IndexOf(':', StringComparison.Ordinal);
        request.Headers.TryAddWithoutValidation(line[..colon], line[(colon + 2)..]);
        return request;
    }

    private Task<Edge> StartAsync(string route = "", string sections = "", string address = "", string fallback = Stale) => Edge.StartAsync(
        sections + Edge.OneRoute(
            address.Length > 0 ? address : _upstream.Address,
            $"{route} {fallback}, \"Transforms\": [ {{ \"ResponseHeader\": \"X-Route\", \"Set\": \"transformed\" }} ]",
            "\"CircuitBreaker\": { \"Enabled\": false }"));

    private async Task TroubleAsync(Edge edge, string trouble)
    {
        _trouble = trouble;
        if (trouble == "down")
        {
            using var order = new StringContent("{\"state\":\"Down\"}", MediaTypeHeaderValue.Parse("application/json"));
            using var done = await edge.Admin.PutAsync("/v1/clusters/up/destinations/a/state", order, Wait.Deadline);
            done.EnsureSuccessStatusCode();
        }
    }
}
