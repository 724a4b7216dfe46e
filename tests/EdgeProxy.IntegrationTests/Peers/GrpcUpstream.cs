using System.Net;
using EdgeProxy.IntegrationTests.Protocols;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>A real gRPC server; what a call does is told by the words it is sent.</summary>
internal sealed class GrpcUpstream : IAsyncDisposable
{
    private readonly WebApplication _app;

    private GrpcUpstream(WebApplication app) => _app = app;

    public string Address =>
        _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + "/";

    public Signals Seen => _app.Services.GetRequiredService<Signals>();

    public static async Task<GrpcUpstream> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddSingleton<Signals>();
        builder.Services.AddRouting();
        builder.Services.AddGrpc(options => options.MaxReceiveMessageSize = null);
        var app = builder.Build();
        app.UseRouting();
        app.MapGrpcService<TalkService>();
        await app.StartAsync();
        return new GrpcUpstream(app);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    internal sealed class Signals
    {
        /// <summary>A call that waits has begun.</summary>
        public TaskCompletionSource Waiting { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>A waiting call was cancelled.</summary>
        public TaskCompletionSource Cancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Lets a stream go on after its first message.</summary>
        public TaskCompletionSource Next { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>`grpc-timeout` of the last call.</summary>
        public string? Timeout { get; set; }
    }

    private sealed class TalkService(Signals seen) : Talk.TalkBase
    {
        public override async Task<Words> Once(Words request, ServerCallContext context)
        {
            seen.Timeout = context.GetHttpContext().Request.Headers["grpc-timeout"];
            switch (request.Text)
            {
                case "wait":
                    await WaitAsync(context.CancellationToken);
                    break;
                case "crash":
                    context.GetHttpContext().Abort();
                    return request;
                case "fail":
                    throw new RpcException(new Status(StatusCode.FailedPrecondition, "not like this: 100 % wröng"), new Metadata
                    {
                        { "why", "because" },
                        { "detail-bin", [0, 1, 255] },
                    });
            }

            await context.WriteResponseHeadersAsync(new Metadata { { "greeting", "hello" } });
            context.ResponseTrailers.Add("echo", context.RequestHeaders.GetValue("said") ?? "");
            context.ResponseTrailers.Add("echo-bin", context.RequestHeaders.GetValueBytes("said-bin") ?? []);
            return request;
        }

        public override async Task Listen(Words request, IServerStreamWriter<Words> responses, ServerCallContext context)
        {
            await responses.WriteAsync(new Words { Text = "one" });
            await seen.Next.Task;
            if (request.Text == "crash")
            {
                context.GetHttpContext().Abort();
                return;
            }

            await responses.WriteAsync(new Words { Text = "two" });
        }

        public override async Task<Words> Tell(IAsyncStreamReader<Words> requests, ServerCallContext context)
        {
            var all = "";
            await foreach (var words in requests.ReadAllAsync())
            {
                all += words.Text;
            }

            return new Words { Text = all };
        }

        public override async Task Chat(
            IAsyncStreamReader<Words> requests, IServerStreamWriter<Words> responses, ServerCallContext context)
        {
            await foreach (var words in requests.ReadAllAsync())
            {
                await responses.WriteAsync(new Words { Text = "you said " + words.Text });
            }
        }

        private async Task WaitAsync(CancellationToken cancellation)
        {
            seen.Waiting.TrySetResult();
            try
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
            }
            finally
            {
                seen.Cancelled.TrySetResult();
            }
        }
    }
}
