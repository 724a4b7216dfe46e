namespace EdgeProxy.EndToEndTests;

/// <summary>Where the published product is. tests/run.sh publishes it and says so in EDGEPROXY_BINARY.</summary>
internal static class Product
{
    public static string Binary { get; } = Environment.GetEnvironmentVariable("EDGEPROXY_BINARY")
        ?? throw new InvalidOperationException("EDGEPROXY_BINARY is not set; run tests/run.sh, or publish src/EdgeProxy and set it");
}
