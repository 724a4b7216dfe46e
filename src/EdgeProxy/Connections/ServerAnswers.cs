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
            var flood = new FrameFlood(time);
            var malformed = new MalformedStreams();
            connection.Features.Set(malformed);
            connection.Transport = new Duplex(
                new FloodGuard(input, flood, new LengthWatch(malformed)),
                new FrameWatch(output, flood, code => OnEnded(connection, flood, code)));
            return next(connection);
        }

        var replaceable = new ReplaceableOutput(output);
        var heads = new RequestHeads();
        connection.Features.Set(replaceable);
        connection.Features.Set(heads);
        connection.Transport = new Duplex(new AbsoluteTargets(input, heads), replaceable);
        return next(connection);
    }

    public void OnNext(KeyValuePair<string, object?> announced)
    {
        if (announced.Value is not IFeatureCollection features
            || features.Get<IBadRequestExceptionFeature>()?.Error is not BadHttpRequestException exception
            || features.Get<EdgeContext>() is not null) // it has reached the pipeline, which has answered and counted
        {
            return;
        }

        var requestId = features.Get<IHttpRequestIdentifierFeature>()?.TraceIdentifier ?? "";
        Refuse(ServerErrors.ToEdgeError(exception), requestId, features, features.Get<IHttpRequestFeature>());
    }

    /// <summary>Ends an HTTP/1.1 connection whose first request does not come.</summary>
    public async Task RefuseAsync(ConnectionContext connection, EdgeError error)
    {
        var output = new ReplaceableOutput(connection.Transport.Output);
        connection.Features.Set(output);
        Refuse(error, connection.ConnectionId, connection.Features, request: null);
        await output.FlushAsync();
    }

    private void Refuse(EdgeError error, string requestId, IFeatureCollection features, IHttpRequestFeature? request)
    {
        metrics.Count(error, EdgeMeter.NoRoute);
        if (features.Get<ReplaceableOutput>() is { } output) // none on HTTP/2
        {
            output.Replace(ServerErrors.Answer(error, revisions.Current.Edge, requestId, request));
        }

        LogSampled(error, requestId);
    }

    public void OnCompleted()
    {
    }

    public void OnError(Exception error)
    {
    }

    /// <summary>The server has ended a stream or the connection; with some codes because the client broke the rules.</summary>
    /// <returns>The code to tell the client.</returns>
    private uint OnEnded(ConnectionContext connection, FrameFlood flood, uint code)
    {
        if (flood.IsOne && code == ServerErrors.FrameSizeError)
        {
            code = ServerErrors.EnhanceYourCalm; // FloodGuard made the server say so
        }

        if (ServerErrors.OfHttp2(code) is { } error)
        {
            metrics.Count(error, EdgeMeter.NoRoute);
            LogSampled(error, connection.ConnectionId);
        }

        return code;
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
