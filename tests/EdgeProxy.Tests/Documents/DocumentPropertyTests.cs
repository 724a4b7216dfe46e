using System.Globalization;
using System.Text;
using EdgeProxy.Configuration;
using EdgeProxy.Documents;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace EdgeProxy.Tests.Documents;

/// <summary>What holds for every input.</summary>
public sealed class DocumentPropertyTests
{
    private const string Whole = """
        { "Edge": { "Name": "e", "Listen": [ { "Url": "http://*:80", "Protocols": "Http1" } ], "TrustedProxies": [ "10.0.0.0/8" ] },
          "RateLimits": { "p": { "Per": "Header:X", "Limits": [ { "Name": "s", "Capacity": 1, "Refill": 1, "Every": "1s" } ] } },
          "ReverseProxy": {
            "Routes": { "r": { "ClusterId": "c", "Timeout": "9s", "RateLimits": [ "p" ], "Match": { "Path": "/{a:int}/{**rest}",
                        "Hosts": [ "a.com" ], "Headers": [ { "Name": "X", "Values": [ "${V:-1}" ] } ] },
                        "Transforms": [ { "PathPattern": "/x/{a}" } ] } },
            "Clusters": { "c": { "Destinations": { "d": { "Address": "http://127.0.0.1:5001/" } },
                                 "HealthCheck": { "Active": { "Enabled": true, "Interval": "00:00:01", "Path": "/h" } } } } } }
        """;

    [Fact]
    public void Bytes_of_any_kind_never_throw() =>
        Prop.ForAll<byte[]>(bytes => Read(bytes).Revision is null).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Fact]
    public void A_document_changed_anywhere_never_throws()
    {
        const string Pieces = "{}[]\",:0a$}-/\\*?";
        var change = from at in Gen.Choose(0, Whole.Length - 1)
                     from length in Gen.Choose(0, 12)
                     from piece in Gen.Choose(0, Pieces.Length - 1)
                     select (at, length, piece);
        Prop.ForAll(change.ArrayOf(2).ToArbitrary(), changes =>
        {
            var text = new StringBuilder(Whole);
            foreach (var (at, length, piece) in changes)
            {
                var start = Math.Min(at, text.Length);
                text.Remove(start, Math.Min(length, text.Length - start)).Insert(start, Pieces[piece]);
            }

            var read = Read(Encoding.UTF8.GetBytes(text.ToString()));
            return read.Revision is not null || read.Faults.Any(f => f.Severity == FaultSeverity.Error);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    [Fact]
    public void The_document_itself_is_whole() => Assert.Empty(Read(Encoding.UTF8.GetBytes(Whole)).Faults);

    [Fact]
    public void A_duration_that_is_written_is_read_again() =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), milliseconds =>
        {
            var value = TimeSpan.FromMilliseconds(milliseconds);
            return DurationText.TryParse(DurationText.Format(value), out var read) && read == value
                && DurationText.TryParse(value.ToString("c", CultureInfo.InvariantCulture), out var standard) && standard == value;
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("250ms", 250)]
    [InlineData("5s", 5_000)]
    [InlineData("2m", 120_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("1d", 86_400_000)]
    [InlineData("00:00:05", 5_000)]
    [InlineData("1.00:00:00.5", 86_400_500)]
    public void Durations_are_read(string text, double milliseconds)
    {
        Assert.True(DurationText.TryParse(text, out var value));
        Assert.Equal(milliseconds, value.TotalMilliseconds);
    }

    [Theory]
    [InlineData("5")]
    [InlineData("")]
    [InlineData("1.5s")]
    [InlineData("5 s")]
    [InlineData("5S")]
    [InlineData("5s\n")]
    [InlineData("12:30")]
    [InlineData("25:00:00")]
    [InlineData("99999999999999999999d")]
    [InlineData("99999999999d")]
    public void What_is_no_duration_is_refused(string text) => Assert.False(DurationText.TryParse(text, out _));

    [Fact]
    public void Edits_are_a_distance() => Prop.ForAll<NonNull<string>, NonNull<string>>((left, right) =>
    {
        var edits = Nearest.Edits(left.Get, right.Get);
        return edits == Nearest.Edits(right.Get, left.Get)
            && edits <= Math.Max(left.Get.Length, right.Get.Length)
            && edits >= Math.Abs(left.Get.Length - right.Get.Length)
            && Nearest.Edits(left.Get, left.Get) == 0;
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("Egde", "Edge")]
    [InlineData("edge", "Edge")]
    [InlineData("Clusters", null)]
    [InlineData("", null)]
    [InlineData("X", null)]
    public void The_nearest_word_is_suggested_and_no_far_one(string text, string? expected) =>
        Assert.Equal(expected, Nearest.To(text, ["Edge", "Clients"]));

    private static ReadResult Read(byte[] bytes) =>
        ConfigurationReader.Read([new SourceFile("a.json", bytes)], TimeProvider.System, _ => null);
}
