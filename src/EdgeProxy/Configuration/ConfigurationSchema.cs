using EdgeProxy.Clients;
using EdgeProxy.RateLimiting;

namespace EdgeProxy.Configuration;

/// <summary>The whole configuration: every section and key that exists.</summary>
internal static class ConfigurationSchema
{
    public static ObjectShape Proxy { get; } = new(
        new Key("Routes", new MapShape(RouteSection.Shape, "route"), "Which requests go where, by id."),
        new Key("Clusters", new MapShape(ClusterSection.Shape, "cluster"), "Groups of destinations, by id."));

    public static ObjectShape Root { get; } = new(
        new Key("$schema", new TextShape(), "For editors: `edgeproxy.schema.json`."),
        new Key("Edge", EdgeSection.Shape, "What belongs to the process as a whole."),
        new Key("Clients", ClientSection.ShapeWith(RateLimitSection.OfClient), "Who calls."),
        new Key("RateLimits", RateLimitSection.Shape, "Named limits that routes refer to."),
        new Key("ReverseProxy", Proxy, "Routes and clusters: YARP's own keys and more."));

    /// <summary>The JSON Schema: what `edgeproxy schema` prints.</summary>
    public static string ToJson() => JsonSchema.Write(Root, "EdgeProxy configuration");
}
