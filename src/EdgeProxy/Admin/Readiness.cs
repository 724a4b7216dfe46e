using System.Globalization;
using EdgeProxy.Configuration;
using EdgeProxy.Shedding;

namespace EdgeProxy.Admin;

/// <summary>Whether this node wants traffic, as `/readyz` tells load balancers.</summary>
internal sealed class Readiness(Overload overload, Revisions revisions, TimeProvider time)
{
    private volatile string? _obstacle = "starting";

    /// <summary>Whether traffic should come, and why not, or what is wrong all the same, in a few words for people.</summary>
    public (bool IsReady, string Text) State => _obstacle is { } obstacle ? (false, obstacle) : Loaded();

    /// <summary>A revision is active and the traffic listeners are bound.</summary>
    public void MarkServing() => _obstacle = null;

    /// <summary>The process is about to end; what is under way finishes, nothing new should come. There is no way back.</summary>
    public void MarkDraining() => _obstacle = "draining";

    /// <summary>Overload alone takes no node out, unless the configuration says so: it mostly meets all of them at once.</summary>
    private (bool IsReady, string Text) Loaded()
    {
        var most = overload.MostFor(time.GetElapsedTime(0));
        var isReady = revisions.Current.Edge.Overload.NotReadyAfter is not { } limit || most < limit;
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"overloaded: all routes but CriticalPlus have been refused for {(int)most.TotalSeconds} s; {overload.Worst?.Text}");
        return (isReady, isReady && most < Overload.Lasting ? "ok" : isReady ? "ok, but " + text : text);
    }
}
