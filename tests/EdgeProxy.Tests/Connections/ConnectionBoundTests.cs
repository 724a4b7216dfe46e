using EdgeProxy.Connections;
using Xunit;

namespace EdgeProxy.Tests.Connections;

public sealed class ConnectionBoundTests
{
    [Theory]
    [InlineData(100, 64)]
    [InlineData(1024, 384)]
    [InlineData(65_536, 32_640)]
    [InlineData(double.PositiveInfinity, 1_000_000)]
    public void By_default_half_of_the_file_descriptors_are_for_clients(double openFiles, long connections) =>
        Assert.Equal(connections, ConnectionBound.DefaultFor(openFiles));
}
