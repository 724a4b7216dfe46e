using System.CommandLine;
using System.Text.Json;
using EdgeProxy.Configuration;

namespace EdgeProxy.Cli;

/// <summary>`edgeproxy check`: say everything that is wrong with a configuration; start nothing.</summary>
internal static class CheckVerb
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static Command Create()
    {
        var path = new Argument<string>("PATH") { Description = "Configuration file or folder", DefaultValueFactory = _ => "config" };
        var format = new Option<string>("--format") { Description = "text or json", DefaultValueFactory = _ => "text" };
        format.AcceptOnlyFromAmong("text", "json");
        var command = new Command("check", "Validate a configuration and print every fault") { path, format };
        command.SetAction((parsed, _) => CheckAsync(parsed.GetValue(path)!, parsed.GetValue(format)!));
        return command;
    }

    private static async Task<int> CheckAsync(string path, string format)
    {
        var read = await ConfigurationCheck.OfFilesAsync(path, TimeProvider.System, takesPipe: true);
        if (format == "json")
        {
            await Console.Out.WriteLineAsync(ToJson(read));
        }
        else
        {
            Print(read);
        }

        return read.Revision is null ? Verbs.Failure : Verbs.Success;
    }

    /// <summary>What `--format json` prints; the admin API answers a posted document with the same.</summary>
    public static string ToJson(ReadResult read) => JsonSerializer.Serialize(
        new
        {
            valid = read.Revision is not null,
            revision = read.Revision?.Id,
            faults = read.Faults.Select(fault => new
            {
                severity = fault.Severity == FaultSeverity.Error ? "error" : "warning",
                fault.Code,
                fault.File,
                fault.Line,
                fault.Column,
                fault.Path,
                fault.Message,
                fault.Suggestion,
            }),
        },
        Json);

    private static void Print(ReadResult read)
    {
        foreach (var fault in read.Faults)
        {
            Console.Error.WriteLine(fault);
        }

        if (read.Revision is { } revision)
        {
            Console.Out.WriteLine(
                $"ok: {Counted.Of(revision.Routes.Count, "route")}, {Counted.Of(revision.Clusters.Count, "cluster")},"
                + $" {Counted.Of(revision.Policies.Count, "rate limit")}; revision {revision.Id}");
        }
    }
}
