using System.Text.Encodings.Web;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Yarp;

/// <summary>`QueryValueParameter` and `QueryRouteParameter`.</summary>
/// <param name="value">Escaped; null: the request has none.</param>
internal sealed class QueryParameterChange(string name, bool append, Func<HttpContext, string?> value) : RequestTransform
{
    private readonly string _name = UrlEncoder.Default.Encode(name) + "=";

    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        var target = RequestTarget.Of(context.HttpContext);
        target.Query = (value(context.HttpContext), append) switch
        {
            (null, true) => target.Query,
            (null, false) => QueryText.Remove(target.Query, name), // the client is not to say what the route has no value for
            ({ } text, true) => QueryText.Append(target.Query, _name + text),
            ({ } text, false) => QueryText.Set(target.Query, name, _name + text),
        };
        return default;
    }
}

/// <summary>`QueryRemoveParameter`.</summary>
internal sealed class QueryParameterRemoval(string name) : RequestTransform
{
    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        var target = RequestTarget.Of(context.HttpContext);
        target.Query = QueryText.Remove(target.Query, name);
        return default;
    }
}
