using System.Globalization;

namespace EdgeProxy.Errors;

/// <summary>What a client's `Accept` says about the two forms of an error: RFC 9110, 12.5.1.</summary>
internal static class Acceptance
{
    /// <summary>True when a page is wanted more than JSON is. Without a clear preference the answer is JSON.</summary>
    public static bool PrefersHtml(IReadOnlyList<string?> accept)
    {
        if (accept.Count == 0)
        {
            return false;
        }

        var html = default(Weight);
        var json = default(Weight);
        foreach (var value in accept)
        {
            foreach (var part in (value ?? "").AsSpan().Split(','))
            {
                var range = value.AsSpan(part.Start.Value, part.End.Value - part.Start.Value);
                var end = range.IndexOf(';');
                var type = (end < 0 ? range : range[..end]).Trim();
                var quality = end < 0 ? 1 : Quality(range[(end + 1)..]);
                html.Consider(Precision(type, "text/*", "text/html"), quality);
                json.Consider(Precision(type, "application/*", "application/json", "application/problem+json"), quality);
            }
        }

        return html.Quality > json.Quality;
    }

    /// <summary>How exactly a range names one of <paramref name="types"/>; 0 when it does not.</summary>
    private static int Precision(ReadOnlySpan<char> range, string family, params ReadOnlySpan<string> types)
    {
        foreach (var type in types)
        {
            if (range.Equals(type, StringComparison.OrdinalIgnoreCase))
            {
                return 3;
            }
        }

        return range.Equals(family, StringComparison.OrdinalIgnoreCase) ? 2 : range is "*/*" ? 1 : 0;
    }

    private static double Quality(ReadOnlySpan<char> parameters)
    {
        foreach (var part in parameters.Split(';'))
        {
            var parameter = parameters[part].Trim();
            if (parameter.StartsWith("q=", StringComparison.OrdinalIgnoreCase))
            {
                return double.TryParse(parameter[2..], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var quality)
                    ? Math.Min(quality, 1)
                    : 0;
            }
        }

        return 1;
    }

    /// <summary>The weight of a form: the most exact range decides, and among equals the greatest.</summary>
    private struct Weight
    {
        private int _precision;

        public double Quality { get; private set; }

        public void Consider(int precision, double quality)
        {
            if (precision > 0 && (precision > _precision || (precision == _precision && quality > Quality)))
            {
                _precision = precision;
                Quality = quality;
            }
        }
    }
}
