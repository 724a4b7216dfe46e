using System.Collections.Immutable;
using System.Text;

namespace EdgeProxy.Documents;

/// <summary>
/// Replaces `${NAME}` and `${NAME:-default}` in text values by what the environment says; `$${` is a literal `${`.
/// A variable that is set but empty counts as missing where there is a default, as in a shell.
/// </summary>
/// <param name="variables">Where values come from, and what is done without.</param>
internal sealed class Expansion(Variables variables, FaultList faults)
{
    /// <summary>Characters that one value may become.</summary>
    private const int TextMax = 1 << 20;

    /// <summary>Characters that all values together may become: a variable can stand in a document any number of times.</summary>
    private const int TotalMax = 16 << 20;

    private int _total;

    /// <summary>Values that may be anything, since their variables are not known.</summary>
    public int Unknown { get; private set; }

    public void Expand(Node node)
    {
        faults.GoOn();
        switch (node)
        {
            case ObjectNode keys:
                foreach (var member in keys.Members)
                {
                    Expand(member.Value);
                }

                break;
            case ListNode list:
                foreach (var item in list.Items)
                {
                    Expand(item);
                }

                break;
            case ScalarNode { Scalar: ScalarKind.Text } text when text.Written.Contains("${", StringComparison.Ordinal):
                ExpandText(text);
                break;
        }
    }

    private void ExpandText(ScalarNode node)
    {
        var written = node.Written;
        var expanded = new StringBuilder(written.Length);
        var values = ImmutableArray.CreateBuilder<string>();
        var (position, isUnknown) = (0, false);
        while (written.IndexOf("${", position, StringComparison.Ordinal) is var start and >= 0)
        {
            if (start > 0 && written[start - 1] == '$' && start - 1 >= position)
            {
                expanded.Append(written, position, start - 1 - position).Append("${");
                position = start + 2;
                continue;
            }

            expanded.Append(written, position, start - position);
            var end = written.IndexOf('}', start);
            if (end < 0)
            {
                faults.Error(FaultCodes.InvalidExpansion, node, "\"${\" has no closing \"}\"; write \"$${\" for a literal \"${\"");
                return;
            }

            if (Resolve(node, written.AsSpan(start + 2, end - start - 2), ref isUnknown) is not { } value)
            {
                return;
            }

            if (expanded.Length + value.Length > TextMax || _total + expanded.Length + value.Length > TotalMax)
            {
                faults.Error(
                    FaultCodes.ExpansionTooLarge, node,
                    $"with its variables it would be too long: {TextMax} characters are allowed, {TotalMax} for all values together");
                return;
            }

            expanded.Append(value);
            values.Add(value);
            position = end + 1;
        }

        if (isUnknown)
        {
            Unknown++;
            node.MarkUnknown();
            return;
        }

        _total += expanded.Length;
        node.Expand(expanded.Append(written, position, written.Length - position).ToString(), values.ToImmutable());
    }

    /// <summary>What a reference stands for; null when that is a fault.</summary>
    /// <param name="isUnknown">Becomes true where it is not known here.</param>
    private string? Resolve(ScalarNode node, ReadOnlySpan<char> reference, ref bool isUnknown)
    {
        var split = reference.IndexOf(":-", StringComparison.Ordinal);
        var name = (split < 0 ? reference : reference[..split]).ToString();
        if (!IsName(name))
        {
            faults.Error(
                FaultCodes.InvalidExpansion, node,
                $"\"${{{name}}}\" does not name a variable: letters, digits and underscores, not beginning with a digit");
            return null;
        }

        if (!variables.MayUse(node.Place.File, name))
        {
            faults.Error(FaultCodes.VariableNotAllowed, node, $"Edge.Files does not let this file use the variable {name}");
            return null;
        }

        var value = variables.Find(name);
        if (split >= 0 && string.IsNullOrEmpty(value))
        {
            return reference[(split + 2)..].ToString();
        }

        if (value is null)
        {
            isUnknown |= variables.UnsetIsUnknown;
            if (!variables.UnsetIsUnknown)
            {
                faults.Error(
                    FaultCodes.UnsetVariable, node,
                    $"the environment has no variable {name} and no default is given (${{{name}:-default}})");
            }

            return variables.UnsetIsUnknown ? "" : null;
        }

        if (value.Length != value.AsSpan().Trim().Length)
        {
            faults.Warn(
                FaultCodes.VariableWhiteSpace, node.Place, node.Path,
                $"the variable {name} begins or ends with white space, such as the newline of the command that made it");
        }

        return value;
    }

    private static bool IsName(string name)
    {
        if (name.Length == 0 || char.IsAsciiDigit(name[0]))
        {
            return false;
        }

        foreach (var c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c != '_')
            {
                return false;
            }
        }

        return true;
    }
}
