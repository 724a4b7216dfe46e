using System.Collections.Immutable;

namespace EdgeProxy.Configuration;

/// <summary>YARP's transforms: an object each, told apart by its first key. What the values mean is YARP's to judge.</summary>
internal static class TransformSection
{
    private static readonly TextShape Text = new() { AnyScalar = true };
    private static readonly TextShape Switch = new() { AnyScalar = true, Values = ["true", "false"] };
    private static readonly TextShape Action = new() { Values = ["Set", "Append", "Remove", "Off"] };
    private static readonly TextShape When = new() { Values = ["Always", "Success", "Failure"] };

    private static readonly TextShape Format = new()
    {
        Values =
        [
            "Random", "RandomAndPort", "RandomAndRandomPort", "Unknown", "UnknownAndPort", "UnknownAndRandomPort",
            "Ip", "IpAndPort", "IpAndRandomPort",
        ],
    };

    /// <summary>What a message can carry: else it would fail when the message is written.</summary>
    private static readonly TextShape Field = new() { Pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$", Meaning = "a field name" };

    private static readonly TextShape Value = new()
    {
        AnyScalar = true,
        Pattern = "^[\\t\\u0020-\\u007e\\u0080-\\u00ff]*$",
        Meaning = "a field value without controls",
    };

    private static readonly (string Name, TextShape Shape)[] SetOrAppend = [("Set", Text), ("Append", Text)];
    private static readonly (string Name, TextShape Shape)[] SetOrAppendValue = [("Set", Value), ("Append", Value)];
    private static readonly (string Name, TextShape Shape)[] SetOrAppendWhen = [.. SetOrAppendValue, ("When", When)];

    public static ChoiceShape Shape { get; } = new("transform", CreateChoices());

    /// <summary>What YARP is given; it compares some of the values with case, so they go out as declared.</summary>
    public static IReadOnlyDictionary<string, string> Bind(Section transform) => transform.Keys
        .Where(key => transform.Has(key.Name))
        .ToDictionary(key => key.Name, key => transform.Text(key.Name)!, StringComparer.OrdinalIgnoreCase);

    private static ImmutableArray<ObjectShape> CreateChoices() =>
    [
        Of("PathSet", Text, "Path that replaces the request's."),
        Of("PathPrefix", Text, "Prefix to put before the path."),
        Of("PathRemovePrefix", Text, "Prefix to take from the path."),
        Of("PathPattern", Text, "Template that is filled with the route's values and replaces the path."),
        Of("QueryValueParameter", Text, "Query parameter to set or append to.", SetOrAppend),
        Of("QueryRouteParameter", Text, "Query parameter to set or append to from a route value.", SetOrAppend),
        Of("QueryRemoveParameter", Text, "Query parameter to remove."),
        Of("HttpMethodChange", Text, "Method to replace.", ("Set", Text)),
        Of("RequestHeadersCopy", Switch, "Copy the request's fields; true when absent."),
        Of("RequestHeaderOriginalHost", Switch, "Send the client's Host; false when absent."),
        Of("RequestHeader", Field, "Request field to set or append to.", SetOrAppendValue),
        Of("RequestHeaderRouteValue", Field, "Request field to set or append to from a route value.", SetOrAppend),
        Of("RequestHeaderRemove", Field, "Request field to remove."),
        Of("RequestHeadersAllowed", Text, "Request fields to pass, separated by semicolons; all others are dropped."),
        Of("ResponseHeadersCopy", Switch, "Copy the response's fields; true when absent."),
        Of("ResponseHeader", Field, "Response field to set or append to.", SetOrAppendWhen),
        Of("ResponseHeaderRemove", Field, "Response field to remove.", ("When", When)),
        Of("ResponseHeadersAllowed", Text, "Response fields to pass, separated by semicolons; all others are dropped."),
        Of("ResponseTrailersCopy", Switch, "Copy the response's trailers; true when absent."),
        Of("ResponseTrailer", Field, "Response trailer to set or append to.", SetOrAppendWhen),
        Of("ResponseTrailerRemove", Field, "Response trailer to remove.", ("When", When)),
        Of("ResponseTrailersAllowed", Text, "Response trailers to pass, separated by semicolons; all others are dropped."),
        Of("X-Forwarded", Action, "What happens to `X-Forwarded-*`.",
            ("HeaderPrefix", Text), ("For", Action), ("Host", Action), ("Proto", Action), ("Prefix", Action)),
        Of("Forwarded", Text, "Parts of `Forwarded`: for, by, proto, host, separated by commas.",
            ("ForFormat", Format), ("ByFormat", Format), ("Action", Action)),
        Of("ClientCert", Field, "Field that carries the client's certificate."),
    ];

    private static ObjectShape Of(string name, TextShape shape, string doc, params (string Name, TextShape Shape)[] others) =>
        new([new Key(name, shape, doc) { Required = true }, .. others.Select(o => new Key(o.Name, o.Shape, $"Parameter of {name}."))]);
}
