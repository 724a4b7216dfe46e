using System.Net;
using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.AccessLog;

/// <summary>
/// Decides which requests get a <see cref="DecisionRecord"/>, and hands it to those who are to read it: the access log, and clients that
/// ask for it with the admin token.
/// </summary>
internal sealed class RequestRecorder(DecisionTokens tokens, AccessLogQueue queue, TimeProvider time)
{
    /// <summary>Null, as for nearly all: nobody wants to know.</summary>
    public DecisionRecord? Begin(HttpContext context, Revision revision)
    {
        var isLogged = revision.Edge.AccessLog.Enabled;
        var isAsked = tokens.IsPresented(context, revision);
        if (!isLogged && !isAsked)
        {
            return null;
        }

        if (isAsked)
        {
            context.Response.OnStarting(Answer, context);
        }

        return new DecisionRecord { IsLogged = isLogged };
    }

    /// <summary>The rest of the request's way, with its line at the end.</summary>
    public Task WatchAsync(HttpContext context, EdgeContext edge, RequestDelegate next) =>
        edge.Record!.IsLogged ? LogAsync(context, edge, next) : next(context);

    private async Task LogAsync(HttpContext context, EdgeContext edge, RequestDelegate next)
    {
        var body = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        var output = new CountedOutput(body);
        context.Features.Set<IHttpResponseBodyFeature>(output);
        try
        {
            await next(context);
        }
        finally
        {
            context.Features.Set(body);
            edge.Record!.BytesOut = output.Bytes;
            if (queue.HasRoom())
            {
                Identify(context, edge);
                queue.Add(DecisionText.Line(context, edge, edge.Record!, time, edge.Revision.Edge.AccessLog.Query));
            }
        }
    }

    /// <summary>What met no route, or was refused further up, has not been asked who it is.</summary>
    private static void Identify(HttpContext context, EdgeContext edge)
    {
        if (ReferenceEquals(edge.ClientAddress, IPAddress.None))
        {
            ClientMiddleware.Identify(context, edge);
        }
    }

    private static Task Answer(object state)
    {
        var context = (HttpContext)state;
        var edge = context.Edge();
        Identify(context, edge);
        context.Response.Headers[EdgeFields.Decision] = DecisionText.Field(edge, edge.Record!);
        return Task.CompletedTask;
    }
}
