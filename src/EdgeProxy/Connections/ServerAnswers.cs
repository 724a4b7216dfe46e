using System.Diagnostics;
using System.IO.Pipelines;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using EdgeProxy.Metrics;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace EdgeProxy.Connections;

/// <summary>
/// Gives the errors that the server answers itself the one error format. Such a request never reaches the pipeline: the
/// server announces it, then writes a bare answer and closes; in between the connection's output learns to say ours instead.
/// On HTTP/2 the server's answer is a frame, which stays as it is and is counted.
/// </summary>
internal sealed partial class ServerAnswers(
    Revisions revisions, ErrorMetrics metrics, TimeProvider time, ILogger<ServerAnswers> logger)
    : IObserver<KeyValuePair<string, object?>>
{
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    private long _lastLogged = long.MinValue;

    public void Watch(DiagnosticListener server) => server.Subscribe(this, name => name == BadRequest);

    /// <param name="connection">A client's connection; which protocol it speaks is known.</param>
    /// <param name="next">The server.</param>
    public Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var (input, output) = (connection.Transport.Input, connection.Transport.Output);
        if (connection.Features.Get<ITlsApplicationProtocolFeature>()?.ApplicationProtocol.Span.SequenceEqual("h2"u8) == true)
        {
            connection.Transport = new Duplex(input, new FrameWatch(output, code => OnEnded(connection, code)));
            return next(connection);
        }

        var replaceable = new ReplaceableOutput(output);
        connection.Features.Set(replaceable);
        connection.Transport = new Duplex(input, replaceable);
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
        metrics.Count(error, EdgeMeter.NoRoute);
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

    /// <summary>The server has ended a stream or the connection; with some codes because the client broke the rules.</summary>
    private void OnEnded(ConnectionContext connection, uint code)
    {
        if (ServerErrors.OfHttp2(code) is { } error)
        {
            metrics.Count(error, EdgeMeter.NoRoute);
            LogSampled(error, connection.ConnectionId);
        }
    }

    /// <summary>At most one line a second: whoever sends rubbish shall not fill the log with it.</summary>
    /// <param name="error">What was wrong.</param>
    /// <param name="requestId">The request, or the connection where the server knows of no request.</param>
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
