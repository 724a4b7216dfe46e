using System.Buffers.Binary;
using System.Net;

namespace EdgeProxy.Resilience;

/// <summary>A request's body that is at hand whole, for as many attempts as it takes.</summary>
internal sealed class ReplayBody(byte[] bytes, int count)
{
    private const int GrpcPrefix = 5; // a flag, and the message's length

    /// <summary>Bytes that are one message of gRPC: the call of a client that does not stream.</summary>
    public static bool IsOneMessage(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= GrpcPrefix && BinaryPrimitives.ReadUInt32BigEndian(bytes[1..]) == (uint)(bytes.Length - GrpcPrefix);

    /// <summary>Makes it the body of the next attempt.</summary>
    public void Use(HttpRequestMessage request, HttpContext client)
    {
        client.Request.Body = new MemoryStream(bytes, 0, count, writable: false);
        var content = new Content(client);
        request.Content!.Headers.CopyTo(content.Headers);
        request.Content = content;
    }

    /// <summary>
    /// Reads the request's body, which is an <see cref="Upload"/> by then, for one attempt: what sends it again without being told to
    /// would find it read, and send a body that is not the client's.
    /// </summary>
    private sealed class Content(HttpContext client) : HttpContent
    {
        private int _isSent;

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
            Interlocked.Exchange(ref _isSent, 1) == 0
                ? client.Request.Body.CopyToAsync(stream, cancellationToken)
                : throw new InvalidOperationException("The body has been sent already.");

        protected override bool TryComputeLength(out long length)
        {
            length = -1; // the field says so, when the client did
            return false;
        }
    }
}

/// <summary>Room for bodies that are kept, process-wide.</summary>
internal sealed class ReplayRoom
{
    private const long Most = 64 << 20;

    private long _used;

    public bool TryEnter(int bytes)
    {
        if (Interlocked.Add(ref _used, bytes) <= Most)
        {
            return true;
        }

        Leave(bytes);
        return false;
    }

    public void Leave(int bytes) => Interlocked.Add(ref _used, -bytes);
}
