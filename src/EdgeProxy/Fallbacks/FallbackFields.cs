namespace EdgeProxy.Fallbacks;

/// <summary>What an answer says of having come from a fallback.</summary>
internal static class FallbackFields
{
    public static void Mark(HttpResponseMessage answer, HttpContext client, string kind, FallbackTrigger trigger)
    {
        answer.Headers.TryAddWithoutValidation(EdgeFields.Fallback, kind);
        answer.Headers.TryAddWithoutValidation(EdgeFields.ProxyStatus, trigger.ProxyStatus(client.Edge().Revision.Edge.Name));
    }
}

/// <summary>Who answered in place of a failure. The closed label set of `edgeproxy_fallbacks_total`.</summary>
internal static class FallbackKinds
{
    public const string Stale = "stale";
    public const string Cluster = "cluster";
    public const string Static = "static";

    /// <summary>Nobody: what went wrong stands.</summary>
    public const string None = "none";

    public static IReadOnlyList<string> All { get; } = [Stale, Cluster, Static, None];
}
