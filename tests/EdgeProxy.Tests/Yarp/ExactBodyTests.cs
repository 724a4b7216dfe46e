using EdgeProxy.Yarp;
using Xunit;

namespace EdgeProxy.Tests.Yarp;

public sealed class ExactBodyTests
{
    [Theory]
    [InlineData(5, null)]
    [InlineData(4, HttpRequestError.InvalidResponse)]
    [InlineData(6, HttpRequestError.ResponseEnded)]
    public async Task A_body_is_as_long_as_was_said_or_fails(int length, HttpRequestError? error)
    {
        var answer = new HttpResponseMessage { Version = new Version(2, 0), Content = new ByteArrayContent("abcde"u8.ToArray()) };
        answer.Content.Headers.ContentLength = length;
        ExactBody.Expect(new HttpRequestMessage(), answer);

        Assert.Equal(length, answer.Content.Headers.ContentLength);
        using var body = await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        var reading = new StreamReader(body).ReadToEndAsync(TestContext.Current.CancellationToken);
        var failure = await Record.ExceptionAsync(() => reading);
        Assert.Equal(error, (failure as HttpIOException)?.HttpRequestError);
        Assert.Equal(error is null, failure is null && await reading == "abcde");
    }

    [Theory, InlineData("HEAD", 200), InlineData("GET", 304), InlineData("GET", 204)]
    public void What_has_no_body_is_not_held_to_the_length_of_one(string method, int status)
    {
        var content = new ByteArrayContent([]);
        content.Headers.ContentLength = 10;
        var answer = new HttpResponseMessage((System.Net.HttpStatusCode)status) { Version = new Version(2, 0), Content = content };
        ExactBody.Expect(new HttpRequestMessage(new HttpMethod(method), "/"), answer);
        Assert.Same(content, answer.Content);
    }
}
