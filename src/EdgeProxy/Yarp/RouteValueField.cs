using System.Buffers;
using System.Text;
using EdgeProxy.Errors;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Yarp;

/// <summary>
/// `RequestHeaderRouteValue`: a field with a value of the route, which destinations may take for the edge's word. It is sent as UTF-8 and
/// whole, or the request is refused; the client's own field never stands in for it.
/// </summary>
/// <param name="isUtf8">The cluster's fields are encoded as UTF-8; else a character is a byte.</param>
internal sealed class RouteValueField(string field, string key, bool append, bool isUtf8) : RequestTransform
{
    private static readonly SearchValues<char> Controls = SearchValues.Create(
        string.Concat(Enumerable.Range(0, 0x20).Append(0x7F).Select(code => (char)code)));

    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        var existing = TakeHeader(context, field);
        var value = context.HttpContext.Request.RouteValues.TryGetValue(key, out var found) ? found?.ToString() : null;
        if (value is not null && !CanBeSent(value))
        {
            context.HttpContext.Fail(EdgeErrors.InvalidPath);
            context.HttpContext.Response.StatusCode = StatusCodes.Status400BadRequest; // anything but 200 keeps YARP from forwarding
            return default;
        }

        var values = append ? existing : StringValues.Empty;
        if (value is not null)
        {
            values = StringValues.Concat(
                values, isUtf8 || Ascii.IsValid(value) ? value : Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(value)));
        }

        if (values.Count > 0)
        {
            AddHeader(context, field, values);
        }

        return default;
    }

    /// <summary>A receiver takes spaces at the ends away: such a value would be another one's.</summary>
    private static bool CanBeSent(string value) =>
        !value.AsSpan().ContainsAny(Controls) && !value.StartsWith(' ') && !value.EndsWith(' ');
}
