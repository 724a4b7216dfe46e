using System.Collections.Frozen;
using System.Net.Http.Headers;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Yarp;

/// <summary>
/// `ResponseHeadersAllowed`: passes the fields that are named, and no others. YARP's would pass fields that belong to the destination's
/// connection too.
/// </summary>
/// <param name="names">Separated by semicolons.</param>
internal sealed class AllowedResponseFields(string names) : ResponseTransform
{
    private readonly FrozenSet<string> _names = FieldNames.Parse(names);

    public override ValueTask ApplyAsync(ResponseTransformContext context)
    {
        if (context.ProxyResponse is { } response)
        {
            var target = context.HttpContext.Response.Headers;
            Copy(response.Headers.NonValidated, target);
            Copy(response.Content.Headers.NonValidated, target);
            context.HeadersCopied = true;
        }

        return default;
    }

    private void Copy(HttpHeadersNonValidated fields, IHeaderDictionary target)
    {
        foreach (var (name, values) in fields)
        {
            if (_names.Contains(name))
            {
                target[name] = StringValues.Concat(target[name], new StringValues([.. values]));
            }
        }
    }
}
