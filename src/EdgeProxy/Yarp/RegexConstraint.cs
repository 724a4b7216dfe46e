using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing.Matching;

namespace EdgeProxy.Yarp;

/// <summary>
/// `{id:regex(…)}`, in place of the platform's, whose patterns backtrack: a client chooses what they are tried on, and one value can take
/// a thread for seconds. Here a pattern takes time in proportion to the value. One that only backtracking can decide (back references,
/// lookarounds) has little time for a value, and less once values have used up its share of a second; a value that it could not decide
/// on in time is refused, and never goes to a wider route.
/// </summary>
internal sealed class RegexConstraint : IRouteConstraint, IParameterLiteralNodeMatchingPolicy
{
    private const RegexOptions Plain = RegexOptions.CultureInvariant | RegexOptions.IgnoreCase;

    /// <summary>Time for one value where it goes with the value's length; only a stalled machine takes as long.</summary>
    private static readonly TimeSpan LinearPatience = TimeSpan.FromSeconds(1);

    /// <summary>Time for one value where it does not.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(50);

    /// <summary>The same once <see cref="Share"/> is used up.</summary>
    private static readonly TimeSpan Haste = TimeSpan.FromMilliseconds(2);

    /// <summary>Time that a pattern has of each second before it must hurry; after twice as much it decides nothing more in it.</summary>
    private static readonly TimeSpan Share = TimeSpan.FromMilliseconds(200);

    private readonly Regex _patient;
    private readonly Regex? _hasty;
    private readonly TimeProvider _time;
    private readonly long _began;
    private long _second;
    private long _spent;

    public RegexConstraint(string pattern, TimeProvider time)
    {
        _time = time;
        _began = time.GetTimestamp();
        if (TryLinear(pattern) is { } linear)
        {
            _patient = linear;
            return;
        }

        _patient = new Regex(pattern, Plain, Patience);
        _hasty = new Regex(pattern, Plain, Haste);
    }

    /// <summary>Only backtracking can decide this pattern, or it is too large to be decided otherwise.</summary>
    public bool Backtracks => _hasty is not null;

    /// <exception cref="BadHttpRequestException">It could not be decided in time.</exception>
    public bool Match(
        HttpContext? httpContext, IRouter? route, string routeKey, RouteValueDictionary values, RouteDirection routeDirection)
    {
        var value = values.TryGetValue(routeKey, out var found) ? Convert.ToString(found, CultureInfo.InvariantCulture) : null;
        return value is not null && (Decide(value) ?? throw new BadHttpRequestException("A pattern could not decide on the path in time."));
    }

    /// <summary>What could not be decided may match: then the request decides.</summary>
    public bool MatchesLiteral(string parameterName, string literal) => Decide(literal) ?? true;

    private bool? Decide(string value)
    {
        if (_hasty is null)
        {
            return IsMatch(_patient, value);
        }

        var began = _time.GetTimestamp();
        var second = (long)_time.GetElapsedTime(_began, began).TotalSeconds;
        if (Interlocked.Exchange(ref _second, second) != second)
        {
            Interlocked.Exchange(ref _spent, 0);
        }

        var spent = Interlocked.Read(ref _spent);
        if (spent > 2 * Share.Ticks)
        {
            return null;
        }

        var isMatch = IsMatch(spent > Share.Ticks ? _hasty : _patient, value);
        Interlocked.Add(ref _spent, _time.GetElapsedTime(began).Ticks);
        return isMatch;
    }

    private static bool? IsMatch(Regex regex, string value)
    {
        try
        {
            return regex.IsMatch(value);
        }
        catch (RegexMatchTimeoutException)
        {
            return null;
        }
    }

    private static Regex? TryLinear(string pattern)
    {
        try
        {
            return new Regex(pattern, Plain | RegexOptions.NonBacktracking, LinearPatience);
        }
        catch (NotSupportedException)
        {
            return null;
        }
    }
}
