namespace EdgeProxy.Errors;

/// <summary>Methods by which a request may be made twice with the effect of once: RFC 9110, 9.2.2.</summary>
internal static class Idempotence
{
    public static bool Of(string method) =>
        HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsPut(method) || HttpMethods.IsDelete(method)
        || HttpMethods.IsOptions(method) || HttpMethods.IsTrace(method);
}
