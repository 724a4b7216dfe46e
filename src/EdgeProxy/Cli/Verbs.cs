using System.CommandLine;

namespace EdgeProxy.Cli;

/// <summary>The command line: one file a verb, listed here.</summary>
internal static class Verbs
{
    /// <summary>Exit codes: all well, it ran and failed or found faults, wrong usage.</summary>
    public const int Success = 0;
    public const int Failure = 1;
    public const int Usage = 2;

    public static async Task<int> InvokeAsync(string[] args)
    {
        var root = new RootCommand("EdgeProxy: an edge gateway with exact limits and one error format.");
        root.Subcommands.Add(RunVerb.Create());
        root.Subcommands.Add(DemoVerb.Create());
        root.Subcommands.Add(CheckVerb.Create());
        root.Subcommands.Add(SchemaVerb.Create());
        root.Subcommands.Add(HashKeyVerb.Create());
        root.Subcommands.Add(VersionVerb.Create());
        var parsed = root.Parse(HasVerb(args) ? args : ["run", .. args]);
        // Signals belong to the verbs: the parser's own handler would cut a drain off after two seconds.
        var invocation = new InvocationConfiguration { ProcessTerminationTimeout = null };
        return parsed.Errors.Count == 0 ? await parsed.InvokeAsync(invocation) : ReportUsage(parsed);
    }

    /// <summary>Options alone are options of `run`, but for those of the command line itself.</summary>
    private static bool HasVerb(string[] args) =>
        args.Length > 0 && (!args[0].StartsWith('-') || args[0] is "-?" or "-h" or "--help" or "--version");

    private static int ReportUsage(ParseResult parsed)
    {
        foreach (var error in parsed.Errors)
        {
            Console.Error.WriteLine(error.Message);
        }

        return Usage;
    }
}
