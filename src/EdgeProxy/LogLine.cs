using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace EdgeProxy;

/// <summary>
/// Writes one line an event: `2026-01-31T12:00:00.000Z warn: EdgeProxy.Health.DestinationHealthKeeper[Change] Destination …`. The name in
/// brackets says which event it is and does not change with its words. Controls become spaces: a text from elsewhere cannot look
/// like a second line.
/// </summary>
internal sealed class LogLine(TimeProvider time) : ConsoleFormatter(LogLine.FormatterName)
{
    public const string FormatterName = "edgeproxy";

    /// <summary>What the names of the methods begin with that events are named after.</summary>
    private const string Prefix = "Log";

    /// <summary>Said by the host of an exception that it then throws, and that whoever starts the edge says in one line.</summary>
    private const string SaidByTheCaller = "HostedServiceStartupFaulted";

    public override void Write<TState>(in LogEntry<TState> entry, IExternalScopeProvider? scopes, TextWriter writer)
    {
        if (entry.EventId.Name == SaidByTheCaller)
        {
            return;
        }

        writer.Write(time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ "));
        writer.Write(LevelOf(entry.LogLevel));
        writer.Write(entry.Category);
        writer.Write('[');
        writer.Write(NameOf(entry.EventId));
        writer.Write("] ");
        WriteOnOneLine(entry.Formatter(entry.State, entry.Exception), writer);
        if (entry.Exception is { } exception)
        {
            writer.Write(' ');
            WriteOnOneLine(exception.ToString(), writer);
        }

        writer.Write('\n');
    }

    private static string NameOf(EventId id) =>
        id.Name is not { Length: > 0 } name ? id.Id.ToString()
        : name.Length > Prefix.Length && name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..]
        : name;

    private static void WriteOnOneLine(string text, TextWriter writer)
    {
        foreach (var character in text)
        {
            writer.Write(char.IsControl(character) ? ' ' : character);
        }
    }

    private static string LevelOf(LogLevel level) => level switch
    {
        LogLevel.Trace => "trce: ",
        LogLevel.Debug => "dbug: ",
        LogLevel.Information => "info: ",
        LogLevel.Warning => "warn: ",
        LogLevel.Error => "fail: ",
        _ => "crit: ",
    };
}
