using System.Collections.Immutable;
using System.Text;

namespace EdgeProxy.Documents;

/// <summary>
/// Replaces `${NAME}` and `${NAME:-default}` in text values by what the environment says; `$${` is a literal `${`.
/// A variable that is set but empty counts as missing where there is a default, as in a shell.
/// </summary>
internal sealed class Expansion(Func<string, string?> environment, FaultList faults)
{
    public void Expand(Node node)
    {
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
        var variables = ImmutableArray.CreateBuilder<string>();
        var position = 0;
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

            if (Resolve(node, written.AsSpan(start + 2, end - start - 2)) is not { } value)
            {
                return;
            }

            expanded.Append(value);
            variables.Add(value);
            position = end + 1;
        }

        node.Expand(expanded.Append(written, position, written.Length - position).ToString(), variables.ToImmutable());
    }

    /// <summary>What a reference stands for; null when that is a fault.</summary>
    private string? Resolve(ScalarNode node, ReadOnlySpan<char> reference)
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

        var value = environment(name);
        if (split >= 0 && string.IsNullOrEmpty(value))
        {
            return reference[(split + 2)..].ToString();
        }

        if (value is null)
        {
            faults.Error(
                FaultCodes.UnsetVariable, node, $"the environment has no variable {name} and no default is given (${{{name}:-default}})");
        }
        else if (value.Length != value.AsSpan().Trim().Length)
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
