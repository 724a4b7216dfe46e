namespace EdgeProxy.Errors;

/// <summary>A destination's address leads where the edge does not send requests: to its own admin listener.</summary>
internal sealed class ProhibitedDestinationException() : IOException("The edge does not connect to this address.");
