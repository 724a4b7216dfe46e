using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using EdgeProxy.Resilience;
using Xunit;

namespace EdgeProxy.Tests.Resilience;

/// <summary>A breaker that was opened begins to count anew.</summary>
public sealed class ClearedCircuitTests
{
    private static readonly TimeSpan Now = TimeSpan.FromSeconds(1);
    private static readonly OpenTimes Times = new(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(300), true, 0.2, TimeSpan.FromSeconds(10));

    [Theory]
    [InlineData((int)Verdict.Failure)]
    [InlineData((int)Verdict.HardFailure)]
    [InlineData((int)Verdict.Unreachable)]
    public void A_cleared_circuit_does_not_go_on_with_a_row_of_failures_from_before(int verdict)
    {
        var circuit = new Circuit(new BreakerSettings(), Times);
        for (var i = 0; i < 20; i++)
        {
            circuit.Count((Verdict)verdict, new Client($"client-{i}", "gold", IsAnonymous: false), "500", Now);
        }

        Assert.NotNull(circuit.ReasonToOpen(Now));

        circuit.Clear();
        circuit.Count((Verdict)verdict, new Client("acme", "gold", IsAnonymous: false), "500", Now);

        Assert.Null(circuit.ReasonToOpen(Now));
    }
}
