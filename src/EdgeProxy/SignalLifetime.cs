using Microsoft.Extensions.Hosting;

namespace EdgeProxy;

/// <summary>
/// Lets `run` alone hear signals. The platform's own lifetime would stop a server at SIGTERM too, beside the drain, and what is then
/// taken for a crash depends on who was faster.
/// </summary>
internal sealed class SignalLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
