namespace EdgeProxy.Configuration;

/// <summary>
/// Makes routing build its table before the edge calls itself ready. Routing does so when it is first asked, which takes
/// seconds for many thousands of routes; the first client is not to pay for that.
/// </summary>
internal sealed class RoutingWarmUp
{
    private RequestDelegate? _routing;

    /// <summary>Remembers where routing begins.</summary>
    public RequestDelegate Before(RequestDelegate routing) => _routing = routing;

    /// <summary>
    /// Routes a request of nobody's. It has no <see cref="EdgeContext"/> and ends at <see cref="RouteSettingsMiddleware"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">The table cannot be built: no request would ever be routed.</exception>
    public async Task RunAsync(IServiceProvider services)
    {
        try
        {
            await _routing!(new DefaultHttpContext { RequestServices = services });
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException("Routing cannot build its table.", exception);
        }
    }
}
