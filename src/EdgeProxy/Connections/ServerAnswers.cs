using System.Diagnostics;
using System.IO.Pipelines;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Connections;

/// <summary>
/// Gives the errors that the server answers itself the one error format. Such a request never reaches the pipeline: the
/// server announces it, then writes a bare answer and closes; in between the connection's output learns to say ours instead.
/// </summary>
internal sealed partial class ServerAnswers(
    Revisions revisions, ErrorMetrics metrics, TimeProvider time, ILogger<ServerAnswers> logger)
    : IObserver<KeyValuePair<string, object?>>
{
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    private long _lastLogged = long.MinValue;

    public void Watch(DiagnosticListener server) => server.Subscribe(this, name => name == BadRequest);

    public static Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var output = new ReplaceableOutput(connection.Transport.Output);
        connection.Features.Set(output);
        connection.Transport = new Duplex(connection.Transport.Input, output);
        return next(connection);
    }

    public void OnNext(KeyValuePair<string, object?> announced)
    {
        if (announced.Value is not IFeatureCollection features
            || features.Get<IBadRequestExceptionFeature>()?.Error is not BadHttpRequestException exception
            || features.Get<ReplaceableOutput>() is not { } output)
        {
            return;
        }

        var error = ServerErrors.ToEdgeError(exception);
        metrics.Count(error, ErrorMetrics.NoRoute);
        var requestId = features.Get<IHttpRequestIdentifierFeature>()?.TraceIdentifier ?? "";
        output.Replace(ServerErrors.Answer(error, revisions.Current.Edge, requestId, features.Get<IHttpRequestFeature>()));
        LogSampled(error, requestId);
    }

    public void OnCompleted()
    {
    }

    public void OnError(Exception error)
    {
    }

    /// <summary>At most one line a second: whoever sends rubbish shall not fill the log with it.</summary>
    private void LogSampled(EdgeError error, string requestId)
    {
        var now = time.GetTimestamp();
        var last = Interlocked.Read(ref _lastLogged);
        if ((last == long.MinValue || time.GetElapsedTime(last, now) >= TimeSpan.FromSeconds(1))
            && Interlocked.CompareExchange(ref _lastLogged, now, last) == last)
        {
            LogRefused(logger, requestId, error.Code);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Request {RequestId} was refused by the server: {Code}")]
    private static partial void LogRefused(ILogger logger, string requestId, string code);

    private sealed class Duplex(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input { get; } = input;

        public PipeWriter Output { get; } = output;
    }
}
