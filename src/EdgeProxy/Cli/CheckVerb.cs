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
        var strict = new Option<bool>("--strict") { Description = "Warnings are errors" };
        var withoutFiles = new Option<bool>("--without-files") { Description = "Do not look for the files that it names" };
        var allowUnset = new Option<bool>("--allow-unset") { Description = "A variable that is not set may hold anything" };
        var command = new Command("check", "Validate a configuration and print every fault")
        {
            path, format, strict, withoutFiles, allowUnset,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var options = new ReadOptions
            {
                Variables = Variables.OfProcess with { UnsetIsUnknown = parsed.GetValue(allowUnset) },
                LooksAtFiles = !parsed.GetValue(withoutFiles),
                TakesPipe = true,
                Cancellation = cancellation,
            };
            return CheckAsync(parsed.GetValue(path)!, options, parsed.GetValue(format) == "json", parsed.GetValue(strict));
        });
        return command;
    }

    private static async Task<int> CheckAsync(string path, ReadOptions options, bool asJson, bool isStrict)
    {
        var read = await ConfigurationCheck.OfFilesAsync(path, TimeProvider.System, options);
        if (isStrict && !read.Faults.IsEmpty)
        {
            read = read with { Revision = null, Faults = [.. read.Faults.Select(fault => fault with { Severity = FaultSeverity.Error })] };
        }

        if (asJson)
        {
            await Console.Out.WriteLineAsync(ToJson(read));
        }
        else
        {
            Print(read);
        }

        return read.IsValid ? Verbs.Success : Verbs.Failure;
    }

    /// <summary>What `--format json` prints; the admin API answers a posted document with the same.</summary>
    public static string ToJson(ReadResult read) => JsonSerializer.Serialize(
        new
        {
            valid = read.IsValid,
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
        else if (read.IsValid)
        {
            Console.Out.WriteLine($"ok, as far as it can be told without the variables of {Counted.Of(read.Unknown, "value")}");
        }
    }
}
