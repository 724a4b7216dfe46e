using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

/// <summary>Session affinity of a cluster: its keys, and how they become YARP's <see cref="SessionAffinityConfig"/>.</summary>
internal static class AffinitySection
{
    // A comma or semicolon would end the attribute and begin another.
    private static readonly TextShape CookieText = new() { Pattern = "^[ -+\\--:<-~]*$", Meaning = "text without commas and semicolons" };

    private static readonly DurationShape Age = new(TimeSpan.FromSeconds(1), TimeSpan.FromDays(3660));

    private static readonly ObjectShape Cookie = new(
        new Key("Domain", CookieText, "Domain of the cookie."),
        new Key("Path", CookieText, "Path of the cookie. Absent: `/`."),
        new Key("Expiration", Age, "When the cookie expires. Absent: with the session."),
        new Key("MaxAge", Age, "How long the cookie lives. Absent: for the session."),
        new Key("SecurePolicy", TextShape.OneOf<CookieSecurePolicy>(), "When the cookie is for https only. Absent: `None`."),
        new Key("HttpOnly", new SwitchShape(), "Hide the cookie from scripts. Absent: true."),
        new Key("SameSite", TextShape.OneOf<SameSiteMode>(), "SameSite attribute. Absent: none is sent."),
        new Key("IsEssential", new SwitchShape(), "The cookie needs no consent. Absent: false."));

    public static ObjectShape Shape { get; } = new(
        new Key("Enabled", new SwitchShape(), "Keep sessions at their destination.") { Default = "false" },
        new Key("Policy", ClusterSection.Known("HashCookie", "ArrCookie", "Cookie", "CustomHeader"),
            "How the destination is remembered.")
        { Default = "HashCookie" },
        new Key("FailurePolicy", ClusterSection.Known("Redistribute", "Return503Error"), "When that destination is not available.")
        { Default = "Redistribute" },
        new Key("AffinityKeyName", new TextShape { Pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$", Meaning = "a cookie or field name" },
            "Name of the cookie or field. Must be given when affinity is enabled."),
        new Key("Cookie", Cookie, "Attributes of the cookie."));

    public static SessionAffinityConfig? Bind(Section affinity) => !affinity.Exists ? null : new SessionAffinityConfig
    {
        Enabled = affinity.OptionalSwitch("Enabled"),
        Policy = affinity.Text("Policy"),
        FailurePolicy = affinity.Text("FailurePolicy"),
        AffinityKeyName = affinity.Text("AffinityKeyName") ?? "",
        Cookie = BindCookie(affinity.Object("Cookie")),
    };

    private static SessionAffinityCookieConfig? BindCookie(Section cookie) => !cookie.Exists ? null : new SessionAffinityCookieConfig
    {
        Domain = cookie.Text("Domain"),
        Path = cookie.Text("Path"),
        Expiration = cookie.OptionalDuration("Expiration"),
        MaxAge = cookie.OptionalDuration("MaxAge"),
        SecurePolicy = cookie.OptionalChoice<CookieSecurePolicy>("SecurePolicy"),
        HttpOnly = cookie.OptionalSwitch("HttpOnly"),
        SameSite = cookie.OptionalChoice<SameSiteMode>("SameSite"),
        IsEssential = cookie.OptionalSwitch("IsEssential"),
    };
}
