using Xunit;

namespace EdgeProxy.Tests.Connections;

public sealed class DescriptorsTests
{
    [Theory]
    [InlineData(256, 242, 2, 2, 2)]
    [InlineData(1024, 245, 341, 342, 48)]
    [InlineData(65_536, 245, 32_389, 32_390, 256)]
    [InlineData(double.PositiveInfinity, 245, 1_000_000, long.MaxValue / 4, 256)]
    public void Descriptors_are_shared_by_clients_destinations_and_the_admin_listener(
        double openFiles, long atRest, long clients, long destinations, long admin)
    {
        var shares = Descriptors.Shares.Of(openFiles, atRest);

        Assert.Equal((clients, destinations, admin), (shares.Clients, shares.Destinations, shares.Admin));
    }

    [Theory]
    [InlineData(24, true)]
    [InlineData(23, true)]
    [InlineData(2, false)]
    public void A_file_that_cannot_be_opened_for_want_of_descriptors_is_not_gone(int error, bool areMissing) =>
        Assert.Equal(areMissing, Descriptors.AreMissing(new IOException("", error)));

    [Fact]
    public void Descriptors_are_used_up_when_all_shares_are()
    {
        var descriptors = new Descriptors();
        descriptors.Share(new Descriptors.Shares(Clients: 1, Destinations: 1, Admin: 0));
        Assert.True(descriptors.TryOpen());
        Assert.True(descriptors.TryOpen());
        Assert.False(descriptors.TryOpen());
        descriptors.Closed();
        Assert.True(descriptors.TryOpen());
    }

    [Fact]
    public void A_listener_still_accepts_a_connection_when_the_descriptors_are_used_up()
    {
        var descriptors = new Descriptors();
        descriptors.Share(new Descriptors.Shares(Clients: 1, Destinations: 0, Admin: 0));
        descriptors.ListenerOpened();
        Assert.True(descriptors.TryOpen());
        Assert.True(descriptors.TryOpen());
        Assert.False(descriptors.TryOpen());
        descriptors.ListenerClosed();
        descriptors.Closed();
        Assert.False(descriptors.TryOpen());
    }
}
