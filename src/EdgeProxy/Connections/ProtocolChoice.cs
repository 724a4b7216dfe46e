using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace EdgeProxy.Connections;

/// <summary>
/// Lets HTTP/1.1 and HTTP/2 share a port without TLS: a client that knows it speaks HTTP/2 begins with its preface. The
/// server chooses only by what TLS has negotiated, so that is what such a connection claims. The server then takes the
/// scheme that a request names for true, and it is the request guard that holds it to the connection's.
/// </summary>
/// <param name="next">The server.</param>
/// <param name="overdue">Answers a client of HTTP/1.1, as it seems, that has begun and does not go on.</param>
internal sealed class ProtocolChoice(ConnectionDelegate next, KestrelServerLimits limits, ConnectionDelegate overdue, TimeProvider time)
{
    private static readonly byte[] Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray();

    /// <summary>
    /// HTTP/2 alone, by the listener's choice or that of TLS: no choice is left, and its connections say so, to whoever asks them. The
    /// server would wait for the rest of a preface as long as for a request.
    /// </summary>
    public async Task OnHttp2Async(ConnectionContext connection)
    {
        if (connection.Features.Get<ITlsApplicationProtocolFeature>() is null)
        {
            connection.Features.Set<ITlsApplicationProtocolFeature>(ChosenHttp2.Instance);
        }

        if (await ChooseAsync(connection) is Beginning.Http1 or Beginning.Http2)
        {
            await next(connection);
        }
    }

    /// <summary>What TLS has negotiated, where that is HTTP/2; all else is the server's.</summary>
    public Task OnTlsAsync(ConnectionContext connection) =>
        connection.Features.Get<ITlsApplicationProtocolFeature>()?.ApplicationProtocol.Span.SequenceEqual("h2"u8) is true
            ? OnHttp2Async(connection)
            : next(connection);

    private enum Beginning
    {
        Undecided,
        Http1,
        Http2,
        Ended,

        /// <summary>Too little for too long.</summary>
        Overdue,
    }

    public async Task OnConnectionAsync(ConnectionContext connection)
    {
        var beginning = await ChooseAsync(connection);
        if (beginning is Beginning.Ended or Beginning.Overdue)
        {
            await (beginning == Beginning.Overdue ? overdue(connection) : Task.CompletedTask);
            return;
        }

        if (beginning == Beginning.Http2)
        {
            connection.Features.Set<ITlsApplicationProtocolFeature>(ChosenHttp2.Instance);
            connection.Features.Set<ITlsConnectionFeature>(ChosenHttp2.Instance);
        }

        await next(connection);
    }

    private async ValueTask<Beginning> ChooseAsync(ConnectionContext connection)
    {
        try
        {
            var beginning = TryPeek(connection, out var isEmpty);
            return beginning == Beginning.Undecided ? await WaitAsync(connection, isEmpty) : beginning;
        }
        catch (Exception exception) when (exception is IOException or ConnectionAbortedException)
        {
            return Beginning.Ended; // reset before it said anything, as checks of load balancers are: the server would log an error
        }
    }

    /// <summary>Waits as long as the server itself would: for a first byte, and then for the rest.</summary>
    private async Task<Beginning> WaitAsync(ConnectionContext connection, bool isEmpty)
    {
        var input = connection.Transport.Input;
        using var patience = new CancellationTokenSource(isEmpty ? limits.KeepAliveTimeout : limits.RequestHeadersTimeout, time);
        await using var timeout = patience.Token.UnsafeRegister(Wake, input);
        var closing = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? default;
        await using var drain = closing.UnsafeRegister(Wake, input);

        while (true)
        {
            var read = await input.ReadAsync();
            var beginning = Judge(read.Buffer);
            if (beginning == Beginning.Undecided && (read.IsCanceled || read.IsCompleted))
            {
                // Nothing at all is not answered; a beginning that ends there, or in a drain, is the server's.
                beginning = read.Buffer.IsEmpty ? Beginning.Ended
                    : patience.IsCancellationRequested ? Beginning.Overdue
                    : Beginning.Http1;
            }

            if (beginning == Beginning.Undecided)
            {
                input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                if (isEmpty)
                {
                    patience.CancelAfter(limits.RequestHeadersTimeout); // once, at the first byte
                    isEmpty = false;
                }

                continue;
            }

            input.AdvanceTo(read.Buffer.Start);
            return beginning;
        }
    }

    private static void Wake(object? input) => ((PipeReader)input!).CancelPendingRead();

    private static Beginning TryPeek(ConnectionContext connection, out bool isEmpty)
    {
        isEmpty = true;
        if (!connection.Transport.Input.TryRead(out var read))
        {
            return Beginning.Undecided;
        }

        isEmpty = read.Buffer.IsEmpty;
        var beginning = Judge(read.Buffer);
        if (beginning == Beginning.Undecided)
        {
            connection.Transport.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
        else
        {
            connection.Transport.Input.AdvanceTo(read.Buffer.Start);
        }

        return beginning;
    }

    private static Beginning Judge(ReadOnlySequence<byte> received)
    {
        Span<byte> head = stackalloc byte[Preface.Length];
        var length = (int)Math.Min(received.Length, head.Length);
        received.Slice(0, length).CopyTo(head);
        return !head[..length].SequenceEqual(Preface.AsSpan(0, length)) ? Beginning.Http1
            : length == Preface.Length ? Beginning.Http2
            : Beginning.Undecided;
    }

    private sealed class ChosenHttp2 : ITlsApplicationProtocolFeature, ITlsConnectionFeature
    {
        public static readonly ChosenHttp2 Instance = new();

        public ReadOnlyMemory<byte> ApplicationProtocol { get; } = "h2"u8.ToArray();

        public X509Certificate2? ClientCertificate
        {
            get => null;
            set => throw new NotSupportedException();
        }

        public Task<X509Certificate2?> GetClientCertificateAsync(CancellationToken cancellationToken) =>
            Task.FromResult<X509Certificate2?>(null);
    }
}
