using System.Net.Sockets;
using EdgeProxy.Errors;
using EdgeProxy.Tests.Configuration;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Xunit;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Tests.Errors;

public sealed class FailureCausesTests
{
    /// <summary>Who ended a forward is not guessed from the clock: a client may leave just before its route's time runs out.</summary>
    [Theory]
    [InlineData(false, true, "client_disconnected")]
    [InlineData(true, true, "deadline_exceeded")]
    [InlineData(true, false, "deadline_exceeded")]
    public void A_forward_that_was_given_up_ended_by_the_deadline_or_by_the_client(bool deadline, bool isGone, string code)
    {
        var context = ContextOf(ForwarderError.RequestCanceled, edge => edge.DeadlinePassed = deadline);
        context.RequestAborted = new CancellationToken(isGone);

        Assert.Equal(code, FailureCauses.OfOutcome(context)?.Code);
    }

    /// <summary>The platform's client, at times, gives an attempt up before it hears of the body, and reports the attempt alone.</summary>
    [Theory]
    [InlineData(false, false, "upstream_idle_timeout")]
    [InlineData(true, false, "upstream_write_timeout")]
    [InlineData(true, true, "request_timeout")]
    public void A_destination_that_is_silent_before_it_has_the_whole_body_does_not_read_it(bool isUnread, bool isClientSlow, string code)
    {
        var context = ContextOf(ForwarderError.RequestTimedOut, edge =>
        {
            edge.UploadEndedEarly = isUnread;
            edge.ClientKeptWaiting = isClientSlow;
        });

        Assert.Equal(code, FailureCauses.OfOutcome(context)?.Code);
    }

    /// <summary>The server fails a read of the body before it signals that the client has gone.</summary>
    [Fact]
    public void A_connection_that_breaks_while_the_edge_reads_is_the_client_s_doing()
    {
        var context = new DefaultHttpContext();

        Assert.Equal(EdgeErrors.ClientDisconnected, FailureCauses.OfException(context, new ConnectionResetException("")));
        var reset = new ConnectionResetException("", new SocketException(104)); // as the server's transport throws it
        Assert.Equal(EdgeErrors.ClientDisconnected, FailureCauses.OfException(context, reset));
        Assert.Equal(EdgeErrors.ClientDisconnected, FailureCauses.OfException(context, new ConnectionAbortedException()));
        var cut = new TaskCanceledException("", new ConnectionAbortedException()); // by a drain whose time is over
        Assert.Equal(EdgeErrors.ClientDisconnected, FailureCauses.OfException(context, cut));
        Assert.Equal(EdgeErrors.InternalError, FailureCauses.OfException(context, new IOException()));
    }

    private static DefaultHttpContext ContextOf(ForwarderError error, Action<EdgeContext> set)
    {
        var context = new DefaultHttpContext();
        var edge = new EdgeContext(Configurations.Read(Configurations.Document()).Revision!, "id", startedAt: 0);
        set(edge);
        context.Features.Set(edge);
        context.Features.Set<IForwarderErrorFeature>(new Report(error));
        return context;
    }

    private sealed record Report(ForwarderError Error) : IForwarderErrorFeature
    {
        public Exception? Exception => new OperationCanceledException();
    }
}
