namespace EdgeProxy.Documents;

/// <summary>Holds a document against its <see cref="Shape"/> and reports all that differs. null counts as absent.</summary>
internal sealed class ShapeCheck(FaultList faults)
{
    private Shape? _root;
    private KeyLevels? _levels;

    public void Check(Node node, Shape shape)
    {
        faults.GoOn();
        _root ??= shape;
        if (node.IsFaulty)
        {
            return; // its variable could not be replaced, or is not known
        }

        switch (shape, node)
        {
            case (ObjectShape keys, ObjectNode value):
                CheckKeys(value, keys);
                break;
            case (MapShape map, ObjectNode value):
                CheckEntries(value, map);
                break;
            case (ListShape list, ListNode value):
                CheckItems(value, list);
                break;
            case (OneOrMoreShape many, ListNode value):
                CheckItems(value, many.List);
                break;
            case (OneOrMoreShape many, ScalarNode value):
                CheckScalar(value, many.Item);
                break;
            case (ChoiceShape choice, ObjectNode value):
                CheckChoice(value, choice);
                break;
            case (ShorthandShape shorthand, ObjectNode value):
                CheckKeys(value, shorthand.Full);
                break;
            case (ShorthandShape shorthand, ScalarNode { Scalar: ScalarKind.Text } value):
                CheckScalar(value, shorthand.Full.Get(shorthand.Key).Shape);
                break;
            case (TextShape or NumberShape or RatioShape or DurationShape or SwitchShape, ScalarNode value):
                CheckScalar(value, shape);
                break;
            default:
                faults.Error(FaultCodes.WrongType, node, $"expected {shape.Expected}, found {node.Kind}");
                break;
        }
    }

    private void CheckKeys(ObjectNode node, ObjectShape shape)
    {
        foreach (var member in node.Members)
        {
            if (shape.Find(member.Name) is { } key)
            {
                if (member.Value is not ScalarNode { IsNull: true })
                {
                    Check(member.Value, key.Shape);
                }
            }
            else
            {
                ReportUnknown(node, member, shape);
            }
        }

        foreach (var key in shape.Keys)
        {
            if (key.Required && node.Find(key.Name) is (null or { Value: ScalarNode { IsNull: true } }))
            {
                faults.Error(FaultCodes.MissingKey, node.Place, node.Path, $"the key \"{key.Name}\" is missing");
            }
        }
    }

    /// <summary>With one hint: where the name belongs, unless it is a slip of the pen for a key that is here.</summary>
    private void ReportUnknown(ObjectNode node, Member member, ObjectShape shape)
    {
        var near = faults.Suggest(member.Name, shape.Keys.Select(k => k.Name));
        _levels ??= new KeyLevels(_root!);
        var place = !faults.MaySuggest || (near is not null && IsSlip(member, shape.Get(near)))
            ? null
            : _levels.HintFor(member.Name, shape);
        faults.Error(
            FaultCodes.UnknownKey, member.Place, node.PathOf(member.Name),
            $"there is no key \"{member.Name}\" here" + (place is null ? "" : "; " + place),
            place is null ? near : null);
    }

    private static bool IsSlip(Member member, Key near) =>
        Nearest.Edits(member.Name, near.Name) == 1 && (member.Value is ObjectNode || near.Shape is not (ObjectShape or MapShape));

    private void CheckEntries(ObjectNode node, MapShape shape)
    {
        foreach (var member in node.Members)
        {
            Check(member.Value, shape.Item);
            if (member.Name.Length is 0 or > MapShape.IdLengthMax || member.Name.Any(char.IsControl))
            {
                faults.Error(
                    FaultCodes.InvalidId, member.Place, node.PathOf(member.Name),
                    $"an id has 1 to {MapShape.IdLengthMax} characters and no control characters");
                member.Value.IsFaulty = true;
            }
        }
    }

    private void CheckItems(ListNode node, ListShape shape)
    {
        if (node.Items.Count < shape.Min || node.Items.Count > shape.Max)
        {
            faults.Error(FaultCodes.OutOfRange, node, $"expected {shape.Expected}, found {node.Items.Count}");
        }

        var seen = shape.Distinct ? new HashSet<string>(StringComparer.OrdinalIgnoreCase) : null;
        foreach (var item in node.Items)
        {
            Check(item, shape.Item);
            if (item is ScalarNode text && seen?.Add(text.Text) is false)
            {
                faults.Error(FaultCodes.DuplicateValue, item, $"{text.Shown} stands here twice");
            }
        }
    }

    private void CheckChoice(ObjectNode node, ChoiceShape shape)
    {
        if (shape.Of(node) is { } choice)
        {
            CheckKeys(node, choice);
            return;
        }

        var names = shape.Choices.Select(c => c.Keys[0].Name).ToList();
        var suggestion = node.Members.Select(m => faults.Suggest(m.Name, names)).FirstOrDefault(n => n is not null);
        var found = string.Join(", ", node.Members.Select(m => $"\"{m.Name}\""));
        var message = found.Length > 0 ? $"there is no {shape.Noun} {found}" : $"the {shape.Noun} is empty";
        faults.Error(FaultCodes.InvalidTransform, node, message, suggestion);
    }

    private void CheckScalar(ScalarNode node, Shape shape)
    {
        switch (shape)
        {
            case TextShape text:
                CheckText(node, text);
                break;
            case NumberShape number:
                if (!ScalarText.TryNumber(node, out var count))
                {
                    WrongType(node, shape);
                }
                else if (count < number.Min || count > number.Max)
                {
                    OutOfRange(node, shape);
                }

                break;
            case RatioShape ratio:
                if (!ScalarText.TryRatio(node, out var share))
                {
                    WrongType(node, shape);
                }
                else if (share < ratio.Min || share > ratio.Max)
                {
                    OutOfRange(node, shape);
                }

                break;
            case DurationShape duration:
                if (!ScalarText.TryDuration(node, out var length))
                {
                    var suggestion = node.IsExpanded ? null : DurationText.Meant(node.Text);
                    faults.Error(
                        FaultCodes.WrongType, node,
                        $"{node.Shown} is not a duration such as \"250ms\", \"5s\" or \"00:00:05\"", suggestion);
                }
                else if (length < duration.Min || length > duration.Max)
                {
                    OutOfRange(node, shape);
                }

                break;
            default:
                if (!ScalarText.TrySwitch(node, out _))
                {
                    WrongType(node, shape);
                }

                break;
        }
    }

    private void CheckText(ScalarNode node, TextShape shape)
    {
        if (shape.IsSensitive)
        {
            node.TrimSecret();
        }

        if (node.Scalar != ScalarKind.Text && !shape.AnyScalar || node.IsNull)
        {
            WrongType(node, shape);
        }
        else if (shape.Canonical(node.Text) is null)
        {
            var suggestion = node.IsExpanded ? null : faults.Suggest(node.Text, shape.Values);
            faults.Error(shape.Code, node, $"{node.Shown} is not {shape.Expected}", suggestion);
        }
        else if (!shape.Admits(node.Text))
        {
            faults.Error(FaultCodes.InvalidValue, node, $"{(shape.IsSensitive ? "this" : node.Shown)} is not {shape.Expected}");
        }
    }

    private void WrongType(ScalarNode node, Shape shape) => faults.Error(
        FaultCodes.WrongType, node,
        $"expected {shape.Expected}, found "
        + $"{(node.Scalar == ScalarKind.Text || shape is NumberShape or RatioShape ? node.Shown : node.Kind)}");

    private void OutOfRange(ScalarNode node, Shape shape) =>
        faults.Error(FaultCodes.OutOfRange, node, $"{node.Shown} is not {shape.Expected}");
}
