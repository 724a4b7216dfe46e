namespace EdgeProxy.Resilience;

/// <summary>Chooses the destination of a request's first attempt, in place of YARP's balancing.</summary>
internal sealed class BalanceMiddleware(RequestDelegate next, DestinationPicker picker)
{
    public Task Invoke(HttpContext context)
    {
        var proxy = context.GetReverseProxyFeature();
        var candidates = proxy.AvailableDestinations is DestinationsOfSessions sessions ? sessions.ForAll : proxy.AvailableDestinations;
        if (picker.Pick(context, proxy.Route.Cluster!, candidates) is { } destination)
        {
            proxy.AvailableDestinations = destination;
            context.Edge().Attempt = AttemptPass.Enter(destination);
        }
        else
        {
            proxy.AvailableDestinations = []; // which the forwarder answers
        }

        return next(context);
    }
}
