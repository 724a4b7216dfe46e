using System.CommandLine;
using System.Reflection;

namespace EdgeProxy.Cli;

/// <summary>`edgeproxy version`: version and commit.</summary>
internal static class VersionVerb
{
    public static Command Create()
    {
        var command = new Command("version", "Print version and commit");
        command.SetAction(_ =>
        {
            Console.Out.WriteLine(Describe());
            return Verbs.Success;
        });
        return command;
    }

    /// <summary>Such as `edgeproxy 0.1.0 (e9eb385…)`; the build puts the commit behind a plus.</summary>
    private static string Describe()
    {
        var version = typeof(VersionVerb).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
        var parts = version.Split('+', 2);
        return $"edgeproxy {parts[0]} ({(parts.Length > 1 ? parts[1] : "unknown commit")})";
    }
}
