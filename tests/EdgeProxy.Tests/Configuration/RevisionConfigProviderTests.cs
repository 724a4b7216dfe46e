using EdgeProxy.Configuration;
using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>What becomes of a revision that YARP takes, and of one that it refuses.</summary>
public sealed class RevisionConfigProviderTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_revision_that_is_refused_gives_way_to_the_active_one(bool isTaken)
    {
        var (active, wanted) = (RevisionOf("active"), RevisionOf("wanted"));
        var revisions = new Revisions(active);
        var provider = new RevisionConfigProvider(revisions, TimeProvider.System);

        var applying = provider.ApplyAsync(wanted);
        Assert.Same(wanted, revisions.Offered);
        Assert.Equal(wanted.Id, provider.GetConfig().RevisionId);
        if (isTaken)
        {
            provider.ConfigurationApplied([provider.GetConfig()]);
        }
        else
        {
            provider.ConfigurationApplyingFailed([provider.GetConfig()], new InvalidOperationException("refused"));
            await WaitUntilAsync(() => provider.GetConfig().RevisionId == active.Id);
            Assert.Same(active, revisions.Offered);
            provider.ConfigurationApplied([provider.GetConfig()]);
        }

        var refusal = await applying.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

        Assert.Equal(isTaken ? null : "refused", refusal?.Message);
        Assert.Same(isTaken ? wanted : active, revisions.Current);
        Assert.Same(revisions.Current, revisions.Offered);
    }

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!condition())
        {
            deadline.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private static Revision RevisionOf(string name) =>
        Configurations.Read(Configurations.Document(sections: $"\"Edge\": {{ \"Name\": \"{name}\" }},")).Revision!;
}
