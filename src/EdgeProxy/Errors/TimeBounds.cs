using EdgeProxy.Configuration;

namespace EdgeProxy.Errors;

/// <summary>Which setting's time was over when a request failed: what somebody may want to change.</summary>
internal static class TimeBounds
{
    /// <param name="exception">What the attempt ended with; null when nothing did.</param>
    /// <returns>As it stands in the configuration; null when the request failed for another reason than time.</returns>
    public static string? Of(EdgeError error, EdgeContext edge, Exception? exception)
    {
        if (exception is ResponseTimeoutException timeout)
        {
            return $"Timeouts.{timeout.Bound}";
        }

        return error == EdgeErrors.UpstreamConnectTimeout && exception is OperationCanceledException // else the system's own time
                ? $"Timeouts.{nameof(TimeoutSettings.Connect)}"
            : error == EdgeErrors.UpstreamIdleTimeout || error == EdgeErrors.UpstreamWriteTimeout
                ? $"Timeouts.{nameof(TimeoutSettings.Idle)}"
            : error != EdgeErrors.DeadlineExceeded ? null
            : edge.IsClientsDeadline ? "grpc-timeout"
            : "Timeout";
    }
}
