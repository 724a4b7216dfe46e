using System.Collections.Frozen;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Yarp;

/// <summary>
/// `RequestHeadersAllowed`: passes the fields that are named, and no others. YARP's would put the client's value beside one that the edge
/// or another transform has written, and pass fields that belong to the client's connection.
/// </summary>
/// <param name="names">Separated by semicolons.</param>
internal sealed class AllowedRequestFields(string names) : RequestTransform
{
    private readonly FrozenSet<string> _names = FieldNames.Parse(names);

    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        var request = context.ProxyRequest;
        foreach (var (name, values) in context.HttpContext.Request.Headers)
        {
            if (values.Count > 0 && _names.Contains(name)
                && !request.Headers.NonValidated.Contains(name) && request.Content?.Headers.NonValidated.Contains(name) is not true)
            {
                AddHeader(context, name, values);
            }
        }

        context.HeadersCopied = true;
        return default;
    }
}
