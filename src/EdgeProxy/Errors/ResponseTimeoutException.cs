namespace EdgeProxy.Errors;

/// <summary>An attempt was given up by `Timeouts.PerTry` or `Timeouts.ResponseHeaders`.</summary>
internal sealed class ResponseTimeoutException(Exception cause)
    : OperationCanceledException("The upstream did not begin its answer in time.", cause);
