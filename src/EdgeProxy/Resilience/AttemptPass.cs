using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>An attempt's stay at a destination: it counts as in flight there from <see cref="Enter"/> to <see cref="Leave"/>.</summary>
internal readonly struct AttemptPass
{
    private AttemptPass(DestinationRuntime runtime) => Runtime = runtime;

    /// <summary>Null: no attempt is under way.</summary>
    public DestinationRuntime? Runtime { get; }

    public static AttemptPass Enter(DestinationState destination)
    {
        var runtime = DestinationRuntime.Of(destination);
        runtime.Enter();
        return new AttemptPass(runtime);
    }

    /// <summary>The attempt has failed, or its answer has ended. Once for each pass.</summary>
    public void Leave() => Runtime?.Leave();
}
