using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>What an edge has logged since the test began to listen.</summary>
internal sealed class Log : ILoggerProvider
{
    private readonly ConcurrentQueue<(LogLevel Level, string Text)> _entries = new();

    public static Log Of(Edge edge)
    {
        var log = new Log();
        edge.Services.GetRequiredService<ILoggerFactory>().AddProvider(log); // which ends with the edge
        return log;
    }

    /// <summary>Entries of <paramref name="level"/> and worse.</summary>
    public IReadOnlyList<string> Entries(LogLevel level) =>
        [.. _entries.Where(entry => entry.Level >= level).Select(entry => entry.Text)];

    public ILogger CreateLogger(string categoryName) => new Category(this, categoryName);

    public void Dispose()
    {
    }

    private sealed class Category(Log log, string name) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            log._entries.Enqueue((logLevel, $"{name}: {formatter(state, exception)} {exception}"));
    }
}
