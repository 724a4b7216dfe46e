namespace EdgeProxy.Errors;

/// <summary>A destination broke its answer off while that was held, so that nothing of it has gone to the client.</summary>
internal sealed class IncompleteAnswerException(Exception cause) : IOException("The upstream ended its answer early.", cause);
