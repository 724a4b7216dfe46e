using EdgeProxy.Errors;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Yarp;

/// <summary>
/// Puts the one error format in place of the body of a failing answer that has another. Only routes with `NormalizeUpstreamErrors`
/// have it. What is larger than <see cref="BodyBytesMax"/>, or not all there after <see cref="Patience"/>, goes on as it is, and so do
/// event streams and gRPC.
/// </summary>
internal sealed class NormalisingTransform(TimeProvider time) : ResponseTransform
{
    public const int BodyBytesMax = 65_536;

    private const string Problem = "application/problem+json";
    private const string EventStream = "text/event-stream";

    /// <summary>How long a body may take that is to be replaced; what takes longer is a stream.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    public override ValueTask ApplyAsync(ResponseTransformContext context) =>
        context.ProxyResponse is { } answer && (int)answer.StatusCode >= 400 && IsUpstreams(context.HttpContext.Edge())
            && IsOther(context.HttpContext, answer)
            ? ReplaceAsync(context, answer)
            : default;

    /// <summary>A destination's answer, and the one that goes to the client: no fallback answers.</summary>
    private static bool IsUpstreams(EdgeContext edge) => edge is { AnsweredByEdge: false, Fallback: not { Replaces: true } };

    /// <summary>Neither in the format nor of a kind that is left alone.</summary>
    private static bool IsOther(HttpContext client, HttpResponseMessage answer)
    {
        var fields = answer.Content.Headers;
        if (fields.ContentLength > BodyBytesMax || GrpcAnswer.IsExpected(client.Request.ContentType))
        {
            return false;
        }

        var type = fields.NonValidated.TryGetValues("Content-Type", out var types) ? types.ToString() : "";
        var media = type.AsSpan(0, type.IndexOf(';') is var end and >= 0 ? end : type.Length).Trim();
        return !media.Equals(Problem, StringComparison.OrdinalIgnoreCase)
            && !media.Equals(EventStream, StringComparison.OrdinalIgnoreCase)
            && !GrpcAnswer.IsExpected(type);
    }

    private async ValueTask ReplaceAsync(ResponseTransformContext context, HttpResponseMessage answer)
    {
        var client = context.HttpContext;
        if (!HttpMethods.IsHead(client.Request.Method))
        {
            var body = new HeldBody(await answer.Content.ReadAsStreamAsync(context.CancellationToken), BodyBytesMax);
            if (!await body.HoldAsync(Patience, time, context.CancellationToken))
            {
                answer.Content = new StreamContent(body); // its fields are on their way already
                return;
            }
        }

        var status = (int)answer.StatusCode;
        context.SuppressResponseBody = true;
        client.Edge().Failure ??= new EdgeFailure(
            status >= 500 ? EdgeErrors.UpstreamErrorNormalised : EdgeErrors.UpstreamClientErrorNormalised)
        {
            Status = status,
            RetryAfterSeconds = RetryAfter(answer),
        };
    }

    private int? RetryAfter(HttpResponseMessage answer)
    {
        var field = answer.Headers.RetryAfter;
        var wait = field?.Delta ?? (field?.Date is { } date ? date - time.GetUtcNow() : null);
        return wait is { } left ? (int)Math.Clamp(Math.Ceiling(left.TotalSeconds), 0, int.MaxValue) : null;
    }
}
