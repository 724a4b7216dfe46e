namespace EdgeProxy.Resilience;

/// <summary>Whose fault it is that a route's time is over.</summary>
internal static class RouteTime
{
    /// <summary>
    /// Less than half of it was the destination's, since it had the whole request: clients that sent slowly, queues and attempts before
    /// had the rest.
    /// </summary>
    /// <param name="attemptAt">When the attempt began.</param>
    public static bool WasShort(HttpContext context, long attemptAt, TimeProvider time) =>
        context.Edge().TimeAllowed is { } allowed
        && time.GetElapsedTime(Math.Max(attemptAt, context.Request.Body is Upload upload ? upload.CompletedAt : 0)) < allowed / 2;
}
