using System.Reflection;

namespace EdgeProxy;

/// <summary>
/// What the platform would load when it is first needed: it is loaded at the start. An assembly that cannot be opened for want of
/// descriptors, which is when errors are many, ends the process.
/// </summary>
internal static class LateAssemblies
{
    private static readonly string[] Names =
    [
        "Microsoft.AspNetCore.WebUtilities",
        "System.Net.WebSockets",
        "Microsoft.AspNetCore.Http.Results",
        "Microsoft.Extensions.Validation",
        "System.Linq.Expressions",
        "System.Runtime.Numerics",
        "System.IO.Compression",
        "System.Diagnostics.StackTrace",
        "System.IO.MemoryMappedFiles",
        "System.Reflection.Metadata",
        "System.Runtime.Loader",
        "System.ComponentModel.Annotations",
        "System.ComponentModel.TypeConverter",
    ];

    public static void Load()
    {
        foreach (var name in Names)
        {
            Assembly.Load(new AssemblyName(name));
        }
    }
}
