using System.IO.Hashing;
using System.Text;

namespace EdgeProxy.Configuration;

/// <summary>A short text that differs when settings differ. Comments, order of keys and layout do not count.</summary>
internal static class SettingsDigest
{
    /// <summary>Key of a route's metadata that carries its digest.</summary>
    public const string MetadataKey = "EdgeProxy.Settings";

    public static string Of(Node node) => Of([node], []);

    public static string Of(IEnumerable<Node> nodes, IEnumerable<string> others)
    {
        var text = new StringBuilder();
        foreach (var node in nodes)
        {
            Write(node, text.Append(node.Path).Append('='));
        }

        text.AppendJoin(';', others);
        return Convert.ToHexStringLower(XxHash128.Hash(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static void Write(Node node, StringBuilder text)
    {
        switch (node)
        {
            case ObjectNode keys:
                text.Append('{');
                foreach (var member in keys.Members.OrderBy(m => m.Name, StringComparer.OrdinalIgnoreCase))
                {
                    Write(member.Value, text.Append(member.Name.ToUpperInvariant()).Append('='));
                }

                text.Append('}');
                break;
            case ListNode list:
                text.Append('[');
                foreach (var item in list.Items)
                {
                    Write(item, text);
                }

                text.Append(']');
                break;
            case ScalarNode scalar:
                // The length keeps two texts apart whatever they hold.
                text.Append(scalar.Text.Length).Append(':').Append(scalar.Text).Append(';');
                break;
        }
    }
}
