using System.Collections.Concurrent;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EdgeProxy.IntegrationTests.Shedding;

/// <summary>An upstream that holds requests until the test lets them go, and says how many it had at once.</summary>
internal sealed class Held : IAsyncDisposable
{
    private readonly ConcurrentQueue<TaskCompletionSource> _waiting = new();
    private Upstream? _upstream;
    private int _inside;
    private int _most;
    private volatile bool _isOpen;

    public string Address => _upstream!.Address;

    public int Inside => Volatile.Read(ref _inside);

    public int Most => Volatile.Read(ref _most);

    public int Hits => _upstream!.Hits;

    public static async Task<Held> StartAsync(HttpProtocols protocols = HttpProtocols.Http1)
    {
        var held = new Held();
        held._upstream = await Upstream.StartAsync(held.AnswerAsync, protocols);
        return held;
    }

    public Task UntilInsideAsync(int count) => Wait.UntilAsync(() => Inside == count, $"{count} requests are held");

    /// <summary>Answers the request that came first.</summary>
    public void LetOneGo()
    {
        if (_waiting.TryDequeue(out var first))
        {
            first.TrySetResult();
        }
    }

    /// <summary>Answers all that are here and all that come.</summary>
    public void LetAllGo()
    {
        _isOpen = true;
        while (!_waiting.IsEmpty)
        {
            LetOneGo();
        }
    }

    public ValueTask DisposeAsync()
    {
        LetAllGo();
        return _upstream!.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var now = Interlocked.Increment(ref _inside);
        for (var most = Most; now > most && Interlocked.CompareExchange(ref _most, now, most) != most; most = Most)
        {
        }

        try
        {
            var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(go);
            if (_isOpen)
            {
                go.TrySetResult();
            }

            await go.Task.WaitAsync(context.RequestAborted);
            if (context.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) is true)
            {
                context.Response.ContentType = "application/grpc";
                context.Response.Headers["grpc-status"] = "0";
                return;
            }

            await context.Response.WriteAsync("held");
        }
        catch (OperationCanceledException)
        {
            // The edge gave it up.
        }
        finally
        {
            Interlocked.Decrement(ref _inside);
        }
    }
}
