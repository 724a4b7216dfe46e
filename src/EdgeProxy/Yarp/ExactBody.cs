namespace EdgeProxy.Yarp;

/// <summary>
/// An answer's body over HTTP/2, held to its Content-Length: the platform's client compares the two on HTTP/1.1 alone, and a server that
/// is given too few or too many bytes fails in words of its own.
/// </summary>
internal sealed class ExactBody(Stream inner, long length) : BodyStream
{
    private long _left = length;

    /// <summary>Puts the check in place where there is something to check.</summary>
    public static void Expect(HttpRequestMessage request, HttpResponseMessage answer)
    {
        if (answer.Version.Major == 2 && answer.Content.Headers.ContentLength is { } length && AnswerContent.HasBody(request, answer))
        {
            var content = answer.Content;
            answer.Content = AnswerContent.Like(content, new ExactBody(content.ReadAsStream(), length));
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(buffer, cancellationToken);
        _left -= read;
        return _left < 0 ? throw new HttpIOException(HttpRequestError.InvalidResponse, "The answer is longer than its Content-Length.")
            : read == 0 && _left > 0 && buffer.Length > 0
            ? throw new HttpIOException(HttpRequestError.ResponseEnded, "The answer is shorter than its Content-Length.")
            : read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
