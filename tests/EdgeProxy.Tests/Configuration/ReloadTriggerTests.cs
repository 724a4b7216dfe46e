using EdgeProxy.Configuration;
using Xunit;

namespace EdgeProxy.Tests.Configuration;

public sealed class ReloadTriggerTests
{
    private static readonly SourceSnapshot Good = Files(("a.json", "1"), ("b.json", "1"));
    private static readonly SourceSnapshot Changed = Files(("a.json", "2"), ("b.json", "1"));
    private static readonly SourceSnapshot WithoutB = Files(("a.json", "1"));

    private readonly ReloadTrigger _trigger = new();

    [Fact]
    public void The_first_look_reads()
    {
        Assert.Equal(ReloadStep.Read, _trigger.Observe(Good, Seconds(0)));
    }

    [Fact]
    public void The_same_content_is_not_read_again()
    {
        _trigger.Accepted(Good);
        Assert.Equal(ReloadStep.Idle, _trigger.Observe(Files(("a.json", "1"), ("b.json", "1")), Seconds(1)));
    }

    [Fact]
    public void Refused_content_is_not_read_again_until_it_changes()
    {
        _trigger.Accepted(Good);
        _trigger.Observe(Changed, Seconds(1));
        _trigger.Refused(Changed);
        Assert.Equal(ReloadStep.Idle, _trigger.Observe(Changed, Seconds(2)));
        Assert.Equal(ReloadStep.Read, Settled(Files(("a.json", "3"), ("b.json", "1")), 3));
    }

    [Fact]
    public void Content_is_read_again_when_that_is_asked_for()
    {
        _trigger.Accepted(Good);
        _trigger.Observe(Changed, Seconds(1));
        _trigger.Refused(Changed);
        _trigger.Forget();
        Assert.Equal(ReloadStep.Read, _trigger.Observe(Changed, Seconds(2)));
        _trigger.Accepted(Changed);
        _trigger.Forget();
        Assert.Equal(ReloadStep.Read, _trigger.Observe(Changed, Seconds(3)));
    }

    [Fact]
    public void The_active_content_after_a_refused_one_is_a_restoration()
    {
        _trigger.Accepted(Good);
        _trigger.Observe(Changed, Seconds(1));
        _trigger.Refused(Changed);
        Assert.Equal(ReloadStep.Restored, _trigger.Observe(Good, Seconds(2)));
        _trigger.Accepted(Good);
        Assert.Equal(ReloadStep.Idle, _trigger.Observe(Good, Seconds(3)));
    }

    [Fact]
    public void Content_is_quiet_once_it_has_not_changed_for_a_while()
    {
        _trigger.Accepted(Good);
        _trigger.Observe(Changed, Seconds(10));
        Assert.False(_trigger.IsQuiet(Seconds(10.1)));
        _trigger.Observe(Files(("a.json", "3"), ("b.json", "1")), Seconds(10.4));
        Assert.False(_trigger.IsQuiet(Seconds(10.8)));
        Assert.True(_trigger.IsQuiet(Seconds(10.9)));
    }

    [Fact]
    public void A_vanished_file_counts_as_removed_after_five_seconds()
    {
        _trigger.Accepted(Good);
        Assert.Equal(ReloadStep.Wait, _trigger.Observe(WithoutB, Seconds(10)));
        Assert.Equal(ReloadStep.Wait, _trigger.Observe(WithoutB, Seconds(14.9)));
        Assert.Equal(ReloadStep.Read, _trigger.Observe(WithoutB, Seconds(15)));
    }

    [Fact]
    public void A_vanished_file_that_returns_and_vanishes_again_has_its_five_seconds_anew()
    {
        _trigger.Accepted(Good);
        _trigger.Observe(WithoutB, Seconds(10));
        Assert.Equal(ReloadStep.Idle, _trigger.Observe(Good, Seconds(13)));
        Assert.Equal(ReloadStep.Wait, _trigger.Observe(WithoutB, Seconds(14)));
        Assert.Equal(ReloadStep.Wait, _trigger.Observe(WithoutB, Seconds(16)));
        Assert.Equal(ReloadStep.Read, _trigger.Observe(WithoutB, Seconds(19)));
    }

    [Fact]
    public void A_change_beside_a_vanished_file_waits_for_it_too()
    {
        _trigger.Accepted(Good);
        Assert.Equal(ReloadStep.Wait, _trigger.Observe(Files(("a.json", "2")), Seconds(10)));
        Assert.Equal(ReloadStep.Read, _trigger.Observe(Files(("a.json", "3")), Seconds(15)));
    }

    [Fact]
    public void A_file_that_goes_before_the_first_look_is_waited_for_too()
    {
        var trigger = new ReloadTrigger(["a.json", "b.json"]);
        Assert.Equal(ReloadStep.Wait, trigger.Observe(WithoutB, Seconds(0)));
        Assert.Equal(ReloadStep.Read, trigger.Observe(WithoutB, Seconds(5)));
    }

    [Fact]
    public void Nothing_left_at_all_is_not_waited_for()
    {
        _trigger.Accepted(Good);
        Assert.Equal(ReloadStep.Read, _trigger.Observe(Files(), Seconds(10)));
    }

    [Fact]
    public void A_change_that_spans_two_files_is_read_once_both_stand()
    {
        _trigger.Accepted(Good);
        Assert.Equal(ReloadStep.Wait, _trigger.Observe(Changed, Seconds(10)));
        Assert.Equal(ReloadStep.Wait, _trigger.Observe(Changed, Seconds(10.2)));
        var both = Files(("a.json", "2"), ("b.json", "2"));
        Assert.Equal(ReloadStep.Wait, _trigger.Observe(both, Seconds(10.25)));
        Assert.Equal(ReloadStep.Wait, _trigger.Observe(both, Seconds(10.5)));
        Assert.Equal(ReloadStep.Read, _trigger.Observe(both, Seconds(10.55)));
    }

    [Fact]
    public void Changes_that_never_end_are_read_all_the_same()
    {
        _trigger.Accepted(Good);
        for (var tenth = 0; tenth < 30; tenth++)
        {
            Assert.Equal(ReloadStep.Wait, _trigger.Observe(Files(("a.json", $"{tenth}x"), ("b.json", "1")), Seconds(10 + (tenth / 10.0))));
        }

        Assert.Equal(ReloadStep.Read, _trigger.Observe(Files(("a.json", "y"), ("b.json", "1")), Seconds(13)));
    }

    [Fact]
    public void A_single_file_waits_for_no_other()
    {
        _trigger.Accepted(WithoutB);
        Assert.Equal(ReloadStep.Read, _trigger.Observe(Files(("a.json", "2")), Seconds(10)));
    }

    private ReloadStep Settled(SourceSnapshot files, double since)
    {
        Assert.Equal(ReloadStep.Wait, _trigger.Observe(files, Seconds(since)));
        return _trigger.Observe(files, Seconds(since) + ReloadTrigger.SettleFor);
    }

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    private static SourceSnapshot Files(params (string Name, string Sha256)[] files) =>
        SourceSnapshot.Of([.. files.Select(file => new FileHash(file.Name, file.Sha256))]);
}
