using EdgeProxy.Fallbacks;
using Xunit;

namespace EdgeProxy.Tests.Fallbacks;

/// <summary>Which bodies are kept while they are copied to the client.</summary>
public sealed class RecordedContentTests
{
    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 0)]
    public async Task A_response_with_trailers_is_copied_to_its_client_and_not_kept(bool hasTrailers, int kept)
    {
        byte[] body = [1, 2, 3];
        using var response = new HttpResponseMessage { Content = new ByteArrayContent(body) };
        if (hasTrailers)
        {
            response.TrailingHeaders.TryAddWithoutValidation("X-Checksum", "abc");
        }

        var (times, reserved) = (0, 0);
        using var recorded = new RecordedContent(response, _ => times++, bytes =>
        {
            reserved += bytes;
            return true;
        });
        using var copy = new MemoryStream();
        await recorded.CopyToAsync(copy, TestContext.Current.CancellationToken);

        Assert.Equal(body, copy.ToArray());
        Assert.Equal(kept, times);
        Assert.Equal(0, reserved);
    }
}
