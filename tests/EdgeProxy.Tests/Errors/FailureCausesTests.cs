using EdgeProxy.Errors;
using EdgeProxy.Tests.Configuration;
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
        var context = new DefaultHttpContext { RequestAborted = new CancellationToken(isGone) };
        var revision = Configurations.Read(Configurations.Document()).Revision!;
        context.Features.Set(new EdgeContext(revision, "id", startedAt: 0) { DeadlinePassed = deadline });
        context.Features.Set<IForwarderErrorFeature>(new Report(ForwarderError.RequestCanceled));

        Assert.Equal(code, FailureCauses.OfOutcome(context)?.Code);
    }

    private sealed record Report(ForwarderError Error) : IForwarderErrorFeature
    {
        public Exception? Exception => new OperationCanceledException();
    }
}
