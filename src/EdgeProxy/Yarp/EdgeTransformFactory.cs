using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Yarp;

/// <summary>Builds transforms of routes that YARP builds too, but that do here what YARP's would not. All others are YARP's.</summary>
internal sealed class EdgeTransformFactory : ITransformFactory
{
    private const string RequestFieldsAllowed = "RequestHeadersAllowed";
    private const string ResponseFieldsAllowed = "ResponseHeadersAllowed";

    /// <summary>What could be wrong with the values was found when the configuration was read.</summary>
    public bool Validate(TransformRouteValidationContext context, IReadOnlyDictionary<string, string> transformValues) =>
        transformValues.ContainsKey(RequestFieldsAllowed) || transformValues.ContainsKey(ResponseFieldsAllowed);

    public bool Build(TransformBuilderContext context, IReadOnlyDictionary<string, string> transformValues)
    {
        if (transformValues.TryGetValue(RequestFieldsAllowed, out var requestFields))
        {
            context.CopyRequestHeaders = false;
            context.RequestTransforms.Add(new AllowedRequestFields(requestFields));
            return true;
        }

        if (transformValues.TryGetValue(ResponseFieldsAllowed, out var responseFields))
        {
            context.CopyResponseHeaders = false;
            context.ResponseTransforms.Add(new AllowedResponseFields(responseFields));
            return true;
        }

        return false;
    }
}
