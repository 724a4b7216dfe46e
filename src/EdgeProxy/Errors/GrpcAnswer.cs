using System.Globalization;
using System.Text;

namespace EdgeProxy.Errors;

/// <summary>An error as a gRPC client expects it: HTTP 200 and trailers only, which is a head that also ends the answer.</summary>
internal static class GrpcAnswer
{
    private const string Grpc = "application/grpc";

    /// <summary>True for `application/grpc`, its `+` formats and gRPC-Web.</summary>
    public static bool IsExpected(string? contentType) =>
        contentType is not null
        && contentType.StartsWith(Grpc, StringComparison.OrdinalIgnoreCase)
        && (contentType.Length == Grpc.Length || contentType[Grpc.Length] is '+' or ';' or '-' or ' ');

    public static void Write(HttpContext context, EdgeError error)
    {
        var response = context.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = context.Request.ContentType!.StartsWith("application/grpc-web", StringComparison.OrdinalIgnoreCase)
            ? "application/grpc-web"
            : Grpc;
        response.Headers["grpc-status"] = error.GrpcStatus.ToString(CultureInfo.InvariantCulture);
        response.Headers["grpc-message"] = Encode(error.Title);
        response.Headers["edge-error-code"] = error.Code;
    }

    /// <summary>The percent-encoding of `grpc-message`: all but printable ASCII, and the percent sign itself.</summary>
    public static string Encode(string message)
    {
        var encoded = new StringBuilder(message.Length);
        foreach (var unit in Encoding.UTF8.GetBytes(message))
        {
            if (unit is >= 0x20 and <= 0x7E and not (byte)'%')
            {
                encoded.Append((char)unit);
            }
            else
            {
                encoded.Append(CultureInfo.InvariantCulture, $"%{unit:X2}");
            }
        }

        return encoded.ToString();
    }
}
