using System.Globalization;

namespace EdgeProxy.Documents;

/// <summary>Reads scalars: a number or a switch may stand in quotes, as it does when it comes from the environment.</summary>
internal static class ScalarText
{
    private const NumberStyles Fraction = NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign;

    public static bool TryNumber(ScalarNode node, out long value)
    {
        value = 0;
        return node.Scalar is ScalarKind.Number or ScalarKind.Text
            && long.TryParse(node.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
    }

    public static bool TryRatio(ScalarNode node, out decimal value)
    {
        value = 0;
        return node.Scalar is ScalarKind.Number or ScalarKind.Text
            && decimal.TryParse(node.Text, Fraction, CultureInfo.InvariantCulture, out value);
    }

    public static bool TryDuration(ScalarNode node, out TimeSpan value)
    {
        value = default;
        return node.Scalar == ScalarKind.Text && DurationText.TryParse(node.Text, out value);
    }

    public static bool TrySwitch(ScalarNode node, out bool value)
    {
        value = false;
        return node.Scalar is ScalarKind.Boolean or ScalarKind.Text && bool.TryParse(node.Text, out value);
    }
}
