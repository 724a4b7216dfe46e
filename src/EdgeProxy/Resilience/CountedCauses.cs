using System.Runtime.CompilerServices;

namespace EdgeProxy.Resilience;

/// <summary>Failures of connections that have counted: each is one failure of a destination, whatever requests ran on it.</summary>
internal sealed class CountedCauses
{
    private readonly ConditionalWeakTable<Exception, object> _counted = [];

    /// <summary>True for the first failure with this cause, and without one.</summary>
    public bool TryCount(Exception? failure) => failure?.GetBaseException() is not { } cause || _counted.TryAdd(cause, cause.GetType());
}
