namespace EdgeProxy.Errors;

/// <summary>An attempt was given up by `Timeouts.PerTry` or `Timeouts.ResponseHeaders`.</summary>
/// <param name="bound">The key of `Timeouts` whose time it was.</param>
internal sealed class ResponseTimeoutException(string bound, Exception? cause = null)
    : OperationCanceledException("The upstream did not answer in time.", cause)
{
    public string Bound => bound;
}
