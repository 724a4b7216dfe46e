namespace EdgeProxy.Documents;

/// <summary>
/// Lays documents over each other: objects merge, everything else may be set in one place only. What counts as one thing
/// is for <see cref="Shape"/> to say: an entry of a map (a route, a policy) belongs to one file.
/// </summary>
internal sealed class DocumentMerge(FaultList faults)
{
    /// <summary>Adds <paramref name="source"/> to <paramref name="target"/>, which afterwards owns what both had.</summary>
    public void Merge(ObjectNode target, ObjectNode source, Shape? shape)
    {
        foreach (var member in source.Members)
        {
            // Each file may name its schema.
            if (member.Name == "$schema" || target.TryAdd(member, out var taken))
            {
                continue;
            }

            if (shape is ObjectShape keys && taken.Value is ObjectNode first && member.Value is ObjectNode second)
            {
                Merge(first, second, keys.Find(member.Name)?.Shape);
            }
            else
            {
                faults.Error(
                    FaultCodes.DuplicateKey, member.Place, target.PathOf(member.Name),
                    $"\"{member.Name}\" is set twice; first at {taken.Place}");
            }
        }
    }
}
