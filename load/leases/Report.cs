namespace Leases;

/// <summary>Lines of the tables.</summary>
internal static class Report
{
    public static readonly string Head = "| nodes and store | load | sent | admitted | of one bucket | bound | over, certain"
        + " | over, by arrival | way p99, ms | by shares | calls/request | 5xx | cut | late p99, ms | answer p99, ms | longest |\n"
        + "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|";

    public const string WaitHead = """
        | while | waits on the store | p50 at most, ms | p99 at most, ms | longest at most, ms |
        |---|--:|--:|--:|--:|
        """;

    private const string Bucket = "_bucket{le=\"";

    /// <param name="name">What the nodes and the store went through.</param>
    /// <param name="load">Times the limit.</param>
    /// <param name="rate">Capacity and refill a second.</param>
    /// <param name="bursts">How many capacities may be admitted at once: one, and one more for each loss of the store's state.</param>
    /// <param name="calls">Calls to the store.</param>
    /// <param name="shares">Admitted by a node's share, since the store did not answer in time.</param>
    public static string Line(string name, double load, Outcome outcome, double rate, int bursts, long calls, double shares)
    {
        var seconds = outcome.At(outcome.Due[^1]);
        var admitted = outcome.Admitted();
        var asked = outcome.Sent.Where(sent => sent != 0).Select(outcome.At).Order().ToArray();
        var arrived = admitted.Select(one => one.Arrived).Order().ToArray();
        var way = Outcome.Between(outcome.Sent, outcome.Arrived);
        var late = Outcome.Between(outcome.Due, outcome.Sent);
        var answer = Outcome.Between(outcome.Sent, outcome.Answered);
        var one = Account.OneBucketAdmits(asked, rate, rate);
        return $"| {name} | {load}x | {asked.Length} | {admitted.Length} | {100.0 * admitted.Length / one:F2} %"
            + $" | {(rate * bursts) + (rate * seconds):F0} | {Account.Certain(admitted, rate * bursts, rate):F1}"
            + $" | {Account.ByArrival(arrived, rate * bursts, rate):F1} | {At(way, 0.99):F1} | {shares} | {(double)calls / asked.Length:F4}"
            + $" | {outcome.Status.Count(status => status >= 500)} | {outcome.Status.Count(status => status == 0)}"
            + $" | {At(late, 0.99):F1} | {At(answer, 0.99):F1} | {At(answer, 1):F1} |";
    }

    /// <summary>From the histogram of the nodes: the upper ends of the buckets in which the answers lie.</summary>
    public static string Waits(string name, Dictionary<string, double> before, Dictionary<string, double> after)
    {
        var ends = after.Keys.Where(key => key.Contains(Bucket, StringComparison.Ordinal))
            .Select(key => (
                End: End(key[(key.IndexOf(Bucket, StringComparison.Ordinal) + Bucket.Length)..].Split('"')[0]),
                Count: after[key] - before.GetValueOrDefault(key)))
            .OrderBy(bucket => bucket.End).ToList();
        var all = ends[^1].Count;
        double Within(double part) => 1000 * ends.First(bucket => bucket.Count >= all * part).End;
        return $"| {name} | {all} | {Within(0.5)} | {Within(0.99)} | {Within(1)} |";
    }

    public static double At(double[] ascending, double part) =>
        ascending.Length == 0 ? 0 : ascending[Math.Min(ascending.Length - 1, (int)(ascending.Length * part))];

    private static double End(string text) => text == "+Inf" ? double.PositiveInfinity : double.Parse(text, null);
}
