using System.Collections.Immutable;

namespace EdgeProxy.Configuration;

/// <summary>A response transform of a route that holds for failures too: `When` is `Always` or `Failure`.</summary>
/// <param name="Value">Null: the field is removed.</param>
/// <param name="Append">Behind the values that are there, rather than in place of them.</param>
internal sealed record ResponseFieldChange(string Name, string? Value, bool Append)
{
    public static ImmutableArray<ResponseFieldChange> OfFailures(IReadOnlyList<IReadOnlyDictionary<string, string>>? transforms)
    {
        var changes = ImmutableArray.CreateBuilder<ResponseFieldChange>();
        foreach (var transform in transforms ?? [])
        {
            if (!transform.TryGetValue("When", out var when) || when is not ("Always" or "Failure"))
            {
                continue;
            }

            if (transform.TryGetValue("ResponseHeader", out var name))
            {
                var append = transform.TryGetValue("Append", out var value);
                changes.Add(new ResponseFieldChange(name, append ? value : transform["Set"], append));
            }
            else if (transform.TryGetValue("ResponseHeaderRemove", out name))
            {
                changes.Add(new ResponseFieldChange(name, null, Append: false));
            }
        }

        return changes.ToImmutable();
    }
}
