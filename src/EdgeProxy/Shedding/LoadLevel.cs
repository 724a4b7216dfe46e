namespace EdgeProxy.Shedding;

/// <summary>
/// How hard something presses, in steps from 0. Up at once, as far as the reading says; down step by step, each when the reading has
/// been a little below what led there for a while: a reading that hovers does not flap, and one that has a floor does not keep a level
/// for good. It knows no clock.
/// </summary>
/// <param name="patience">How long the reading has to stay low for one step down.</param>
internal sealed class LoadLevel(TimeSpan patience)
{
    /// <summary>Share of a step's beginning below which the reading is low.</summary>
    private const double Low = 0.97;

    private TimeSpan? _lowSince;

    public int Value { get; private set; }

    /// <param name="steps">The readings from which on the level is 1, 2 and so on, ascending.</param>
    public void Read(double reading, ReadOnlySpan<double> steps, TimeSpan now)
    {
        var reached = steps.Length;
        while (reached > 0 && !(reading >= steps[reached - 1]))
        {
            reached--;
        }

        if (reached >= Value)
        {
            (Value, _lowSince) = (reached, null);
            return;
        }

        if (reading >= steps[Value - 1] * Low)
        {
            _lowSince = null;
            return;
        }

        _lowSince ??= now;
        if (now - _lowSince >= patience)
        {
            (Value, _lowSince) = (Value - 1, now);
        }
    }
}
