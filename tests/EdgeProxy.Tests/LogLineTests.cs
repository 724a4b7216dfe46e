using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace EdgeProxy.Tests;

/// <summary>What operators search their logs for.</summary>
public sealed class LogLineTests
{
    [Theory]
    [InlineData("LogReady", 841691176, "Ready")]
    [InlineData("ConnectionBadRequest", 17, "ConnectionBadRequest")]
    [InlineData("Log", 5, "Log")]
    [InlineData(null, 42, "42")]
    public void An_event_is_called_by_its_name_and_not_by_its_number(string? name, int id, string expected) =>
        Assert.EndsWith($"Z info: EdgeProxy.Gateway[{expected}] Ready\n", LineOf(new EventId(id, name), "Ready"), StringComparison.Ordinal);

    [Fact]
    public void What_comes_from_elsewhere_begins_no_line_of_its_own()
    {
        var line = LineOf(new EventId(1, "LogX"), "a\r\nb\u001b[31m", new InvalidOperationException("c\nd"));

        Assert.Equal(line.Length - 1, line.IndexOf('\n', StringComparison.Ordinal));
        Assert.Contains("[X] a  b [31m System.InvalidOperationException: c d", line, StringComparison.Ordinal);
    }

    private static string LineOf(EventId id, string message, Exception? exception = null)
    {
        using var writer = new StringWriter();
        var entry = new LogEntry<string>(LogLevel.Information, "EdgeProxy.Gateway", id, message, exception, (state, _) => state);
        new LogLine(TimeProvider.System).Write(entry, null, writer);
        return writer.ToString();
    }
}
