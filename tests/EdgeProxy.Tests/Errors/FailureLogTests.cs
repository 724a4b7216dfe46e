using System.Net.Sockets;
using EdgeProxy.Errors;
using EdgeProxy.Tests.Configuration;
using EdgeProxy.Tests.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.Tests.Errors;

public sealed class FailureLogTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly Lines _lines = new();
    private readonly FailureLog _log;
    private readonly DefaultHttpContext _context = new();

    public FailureLogTests()
    {
        _log = new FailureLog(_time, _lines);
        _context.Features.Set(new EdgeContext(Configurations.Read(Configurations.Document()).Revision!, "id-1", startedAt: 0));
    }

    public void Dispose() => _log.Dispose();

    [Fact]
    public void A_failure_is_a_line_with_its_request_its_code_and_its_innermost_cause()
    {
        _log.Note(_context, new(EdgeErrors.UpstreamConnectionRefused), new HttpRequestException("outer", new IOException("reset by peer")));

        var line = Assert.Single(_lines.All);
        Assert.StartsWith(
            $"Request id-1 of trace {_context.Edge().TraceId}: upstream_connection_refused; ", line, StringComparison.Ordinal);
        Assert.EndsWith("IOException: reset by peer", line, StringComparison.Ordinal);
    }

    public static TheoryData<string, Exception?, string?> Times() => new()
    {
        { "upstream_response_timeout", Late("PerTry"), "Timeouts.PerTry" },
        { "upstream_response_timeout", Late("ResponseHeaders"), "Timeouts.ResponseHeaders" },
        { "upstream_connect_timeout", new TaskCanceledException("", new TimeoutException()), "Timeouts.Connect" },
        { "upstream_connect_timeout", new HttpRequestException("", new SocketException((int)SocketError.TimedOut)), null },
        { "upstream_idle_timeout", new TaskCanceledException(), "Timeouts.Idle" },
        { "upstream_write_timeout", null, "Timeouts.Idle" },
        { "deadline_exceeded", null, "Timeout" },
        { "upstream_connection_reset", new IOException(), null },
    };

    [Theory, MemberData(nameof(Times))]
    public void A_line_names_the_setting_whose_time_was_over(string code, Exception? exception, string? setting)
    {
        _log.Note(_context, new(EdgeErrors.All.Single(error => error.Code == code)), exception);

        var line = Assert.Single(_lines.All);
        Assert.Equal(setting is not null, line.Contains($"destination -; {setting} was over: ", StringComparison.Ordinal));
        Assert.Equal(setting is null, !line.Contains("was over", StringComparison.Ordinal));
    }

    [Fact]
    public void A_call_s_own_deadline_is_no_setting_of_the_route()
    {
        _context.Edge().IsClientsDeadline = true;

        _log.Note(_context, new(EdgeErrors.DeadlineExceeded), null);

        Assert.EndsWith("; grpc-timeout was over: -", Assert.Single(_lines.All), StringComparison.Ordinal);
    }

    [Fact]
    public void What_clients_and_policies_did_is_not_logged()
    {
        foreach (var error in EdgeErrors.All.Where(error => error.Source is ErrorSource.Client or ErrorSource.Policy))
        {
            _log.Note(_context, new(error), null);
        }

        Assert.Empty(_lines.All);
    }

    [Fact]
    public void An_outage_does_not_fill_the_log()
    {
        for (var second = 1; second <= 3; second++)
        {
            for (var i = 0; i < 100; i++)
            {
                _log.Note(_context, new(EdgeErrors.NoHealthyDestination), null);
            }

            Assert.Equal(FailureLog.LinesMax * second, _lines.All.Count);
            _time.Micros += 1_000_000;
        }
    }

    [Fact]
    public void An_open_circuit_has_a_line_a_second_and_hides_no_other_failure()
    {
        for (var i = 0; i < 100; i++)
        {
            _log.Note(_context, new(EdgeErrors.CircuitOpen) { Cause = "5 in a row; open until 12:00:00.000Z" }, null);
        }

        for (var i = 0; i < 4; i++)
        {
            _log.Note(_context, new(EdgeErrors.UpstreamConnectionReset), null);
        }

        Assert.EndsWith("; 5 in a row; open until 12:00:00.000Z", _lines.All[0], StringComparison.Ordinal);
        Assert.Equal([1, 4], new[] { "circuit_open", "upstream_connection_reset" }
            .Select(code => _lines.All.Count(line => line.Contains(code, StringComparison.Ordinal))));
        _log.SayLeftOut();
        Assert.Equal("99 more not logged: circuit_open; route (none)", _lines.All[^1]);
        _log.SayLeftOut();
        Assert.Equal(6, _lines.All.Count);
    }

    [Fact]
    public void All_codes_together_do_not_fill_the_log()
    {
        foreach (var error in EdgeErrors.All)
        {
            for (var i = 0; i < FailureLog.LinesMax; i++)
            {
                _log.Note(_context, new(error), null);
            }
        }

        Assert.Equal(FailureLog.AllLinesMax, _lines.All.Count);
    }

    private static ResponseTimeoutException Late(string bound) => new(bound, new TaskCanceledException());

    private sealed class Lines : ILogger<FailureLog>
    {
        public List<string> All { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            All.Add(formatter(state, exception));
    }
}
