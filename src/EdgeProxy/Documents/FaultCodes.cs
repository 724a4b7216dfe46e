namespace EdgeProxy.Documents;

/// <summary>Stable names of what can be wrong with a configuration. Never renamed; explained in docs/configuration.md.</summary>
internal static class FaultCodes
{
    // Files
    public const string Unreadable = "unreadable";
    public const string NoDescriptors = "no_descriptors";
    public const string NoFiles = "no_files";
    public const string TooManyFiles = "too_many_files";
    public const string FileTooLarge = "file_too_large";
    public const string EmptyFile = "empty_file";
    public const string InvalidEncoding = "invalid_encoding";
    public const string InvalidJson = "invalid_json";
    public const string NotAnObject = "not_an_object";
    public const string DuplicateKey = "duplicate_key";
    public const string SectionNotAllowed = "section_not_allowed";

    // What checking may cost
    public const string TooManyFaults = "too_many_faults";
    public const string TooManyCombinations = "too_many_combinations";
    public const string CheckTimeout = "check_timeout";

    // Variables
    public const string UnsetVariable = "unset_variable";
    public const string InvalidExpansion = "invalid_expansion";
    public const string VariableWhiteSpace = "variable_white_space";
    public const string ExpansionTooLarge = "expansion_too_large";
    public const string VariableNotAllowed = "variable_not_allowed";

    // Keys and values
    public const string UnknownKey = "unknown_key";
    public const string MissingKey = "missing_key";
    public const string ConflictingKeys = "conflicting_keys";
    public const string WrongType = "wrong_type";
    public const string OutOfRange = "out_of_range";
    public const string UnknownValue = "unknown_value";
    public const string InvalidValue = "invalid_value";
    public const string InvalidId = "invalid_id";
    public const string DuplicateValue = "duplicate_value";

    // References and names
    public const string UnknownCluster = "unknown_cluster";
    public const string UnknownRateLimit = "unknown_rate_limit";
    public const string UnknownPolicy = "unknown_policy";

    // Edge
    public const string InvalidListener = "invalid_listener";
    public const string InvalidCertificate = "invalid_certificate";
    public const string UnusedCertificate = "unused_certificate";
    public const string UnprotectedAdmin = "unprotected_admin";
    public const string AdminDestination = "admin_destination";
    public const string OwnListener = "own_listener";
    public const string InvalidNetwork = "invalid_network";
    public const string InvalidStore = "invalid_store";

    // Routes and clusters
    public const string NoRoutes = "no_routes";
    public const string NoMatch = "no_match";
    public const string InvalidPath = "invalid_path";
    public const string InvalidHost = "invalid_host";
    public const string InvalidTransform = "invalid_transform";
    public const string AmbiguousRoutes = "ambiguous_routes";
    public const string NoDestinations = "no_destinations";
    public const string InvalidAddress = "invalid_address";
    public const string RefusedByProxy = "refused_by_proxy";

    // Limits
    public const string DuplicateLimit = "duplicate_limit";
    public const string PlansNeedClients = "plans_need_clients";

    // Warnings
    public const string UnboundedUpload = "unbounded_upload";
    public const string UnusedCluster = "unused_cluster";
    public const string UnmetCost = "unmet_cost";
    public const string UnmetTimeout = "unmet_timeout";
    public const string UnusedHedge = "unused_hedge";
    public const string UnusedRateLimit = "unused_rate_limit";
    public const string UnknownPlan = "unknown_plan";
    public const string LiteralStar = "literal_star";
    public const string BacktrackingRegex = "backtracking_regex";
    public const string PathBypass = "path_bypass";
    public const string Shadowed = "shadowed";
    public const string OrderIgnored = "order_ignored";
    public const string OtherOwner = "other_owner";
    public const string UnknownRouteValue = "unknown_route_value";
    public const string UnmatchedPrefix = "unmatched_prefix";
    public const string NoClientCertificate = "no_client_certificate";
    public const string MixedSchemes = "mixed_schemes";
    public const string NoWeight = "no_weight";
    public const string UnboundedWait = "unbounded_wait";
    public const string IdleBelowPerTry = "idle_below_per_try";
    public const string GrpcNeedsHttp2 = "grpc_needs_http2";
    public const string ShortEvery = "short_every";
    public const string MissingLimit = "missing_limit";
    public const string WeakAdminToken = "weak_admin_token";
    public const string CannotListen = "cannot_listen";
    public const string IgnoredFile = "ignored_file";
    public const string TrustsEverybody = "trusts_everybody";
    public const string UnverifiedUpstream = "unverified_upstream";
    public const string RestartRequired = "restart_required";

    // Starting
    public const string NoLastGood = "no_last_good";
}
