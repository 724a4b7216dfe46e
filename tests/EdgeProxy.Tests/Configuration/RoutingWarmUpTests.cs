using EdgeProxy.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EdgeProxy.Tests.Configuration;

public sealed class RoutingWarmUpTests
{
    [Fact]
    public async Task A_table_that_cannot_be_built_is_not_passed_over()
    {
        await using var services = new ServiceCollection().BuildServiceProvider();
        var warmUp = new RoutingWarmUp();
        warmUp.Before(_ => throw new FormatException("a host that cannot be read"));

        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => warmUp.RunAsync(services));
        Assert.IsType<FormatException>(failure.InnerException);
    }
}
