using System.Text.Encodings.Web;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Yarp;

/// <summary>Builds transforms of routes that YARP builds too, but that do here what YARP's would not. All others are YARP's.</summary>
internal sealed class EdgeTransformFactory : ITransformFactory
{
    /// <summary>What could be wrong with the values was found when the configuration was read.</summary>
    public bool Validate(TransformRouteValidationContext context, IReadOnlyDictionary<string, string> transformValues) =>
        transformValues.Keys.Any(key => key is "RequestHeadersAllowed" or "ResponseHeadersAllowed" or "RequestHeaderRouteValue"
            or "PathSet" or "PathPrefix" or "PathRemovePrefix" or "PathPattern"
            or "QueryValueParameter" or "QueryRouteParameter" or "QueryRemoveParameter");

    public bool Build(TransformBuilderContext context, IReadOnlyDictionary<string, string> transformValues)
    {
        if (transformValues.TryGetValue("ResponseHeadersAllowed", out var responseFields))
        {
            context.CopyResponseHeaders = false;
            context.ResponseTransforms.Add(new AllowedResponseFields(responseFields));
            return true;
        }

        if (transformValues.TryGetValue("RequestHeadersAllowed", out var requestFields))
        {
            context.CopyRequestHeaders = false;
            context.RequestTransforms.Add(new AllowedRequestFields(requestFields));
            return true;
        }

        if ((OfPath(context, transformValues) ?? OfQuery(context, transformValues) ?? OfField(context, transformValues)) is { } transform)
        {
            context.RequestTransforms.Add(transform);
            return true;
        }

        return false;
    }

    private static RequestTransform? OfPath(TransformBuilderContext context, IReadOnlyDictionary<string, string> values) =>
        values.TryGetValue("PathSet", out var path) ? new PathTransform(static (target, set) => target.SetPath(set), path)
        : values.TryGetValue("PathPrefix", out path) ? new PathTransform(static (target, prefix) => target.AddPrefix(prefix), path)
        : values.TryGetValue("PathRemovePrefix", out path) ? new PathTransform(static (target, prefix) => target.RemovePrefix(prefix), path)
        : values.TryGetValue("PathPattern", out path) ? new PathPatternTransform(path, new RouteValueText(context.Route.Match.Path))
        : null;

    private static RequestTransform? OfQuery(TransformBuilderContext context, IReadOnlyDictionary<string, string> values)
    {
        if (values.TryGetValue("QueryValueParameter", out var name))
        {
            var text = UrlEncoder.Default.Encode(ValueOf(values, out var append));
            return new QueryParameterChange(name, append, _ => text);
        }

        if (values.TryGetValue("QueryRouteParameter", out name))
        {
            var key = ValueOf(values, out var append);
            var texts = new RouteValueText(context.Route.Match.Path);
            return new QueryParameterChange(name, append, http => texts.InQuery(key, http));
        }

        return values.TryGetValue("QueryRemoveParameter", out name) ? new QueryParameterRemoval(name) : null;
    }

    private static RouteValueField? OfField(TransformBuilderContext context, IReadOnlyDictionary<string, string> values)
    {
        if (!values.TryGetValue("RequestHeaderRouteValue", out var field))
        {
            return null;
        }

        var isUtf8 = context.Cluster?.HttpClient?.RequestHeaderEncoding is { } name
            && name.Equals("utf-8", StringComparison.OrdinalIgnoreCase);
        return new RouteValueField(field, ValueOf(values, out var append), append, isUtf8);
    }

    private static string ValueOf(IReadOnlyDictionary<string, string> values, out bool append)
    {
        append = values.TryGetValue("Append", out var value);
        return append ? value! : values["Set"];
    }
}
