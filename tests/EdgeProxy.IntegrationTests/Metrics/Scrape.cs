using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Metrics;

/// <summary>One reading of `/metrics`.</summary>
internal sealed partial class Scrape(string text)
{
    private readonly Dictionary<string, double> _samples = Samples(text);

    public string Text { get; } = text;

    /// <summary>Names of all samples and their labels, as written.</summary>
    public IEnumerable<string> Names => _samples.Keys;

    /// <summary>Value of a sample such as `edgeproxy_requests_in_flight{route="all"}`; null when it is not there.</summary>
    public double? this[string sample] => _samples.TryGetValue(sample, out var value) ? value : null;

    public static async Task<Scrape> OfAsync(Edge edge, string? accept = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        if (accept is not null)
        {
            request.Headers.Accept.Add(MediaTypeWithQualityHeaderValue.Parse(accept));
        }

        using var answer = await edge.Admin.SendAsync(request);
        answer.EnsureSuccessStatusCode();
        return new Scrape(await answer.Content.ReadAsStringAsync());
    }

    /// <summary>Scrapes until <paramref name="sample"/> has <paramref name="value"/>: requests are counted after the answer.</summary>
    public static async Task<Scrape> UntilAsync(Edge edge, string sample, double value)
    {
        var started = Stopwatch.StartNew();
        while (true)
        {
            var scrape = await OfAsync(edge);
            if (scrape[sample] == value)
            {
                return scrape;
            }

            Assert.True(started.Elapsed < TimeSpan.FromSeconds(20), $"{sample} is {scrape[sample]}, not {value}, in\n{scrape.Text}");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }

    private static Dictionary<string, double> Samples(string text) => text.Split('\n')
        .Where(line => line.Length > 0 && line[0] != '#')
        .Select(line => SampleLine().Match(line))
        .ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value switch
        {
            "+Inf" => double.PositiveInfinity,
            var number => double.Parse(number, CultureInfo.InvariantCulture),
        });

    [GeneratedRegex(@"^(\w+(?:\{.*?\})?) (\S+)(?: # .*)?$")]
    private static partial Regex SampleLine();
}
