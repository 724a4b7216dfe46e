using System.Net;
using System.Runtime.CompilerServices;

namespace EdgeProxy.Resilience;

/// <summary>The destination's side of an accepted upgrade: whether it has carried bytes, either way. They pass unchanged.</summary>
internal sealed class UpgradedStream(Stream inner) : Stream
{
    private volatile bool _hasCarried;

    /// <summary>Bytes have passed: how it ends is the two applications' own affair.</summary>
    public bool HasCarried => _hasCarried;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Watches an answer that accepts an upgrade; any other stays as it is.</summary>
    public static async ValueTask WatchAsync(HttpRequestMessage request, HttpResponseMessage answer, EdgeContext edge)
    {
        if (answer.StatusCode == HttpStatusCode.SwitchingProtocols || (request.Method == HttpMethod.Connect && answer.IsSuccessStatusCode))
        {
            edge.Upgraded = new UpgradedStream(await answer.Content.ReadAsStreamAsync());
            answer.Content = new BothWays(answer.Content, edge.Upgraded);
        }
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var reading = inner.ReadAsync(buffer, cancellationToken);
        return _hasCarried ? reading : NoteAsync(reading);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!_hasCarried && !buffer.IsEmpty)
        {
            _hasCarried = true;
        }

        return inner.WriteAsync(buffer, cancellationToken);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> NoteAsync(ValueTask<int> reading)
    {
        var read = await reading;
        _hasCarried |= read > 0;
        return read;
    }

    /// <summary>A content whose stream can be written to as well, as the one that it is in place of.</summary>
    private sealed class BothWays : HttpContent
    {
        private readonly UpgradedStream _stream;

        public BothWays(HttpContent own, UpgradedStream stream)
        {
            _stream = stream;
            own.Headers.CopyTo(Headers);
        }

        protected override Task<Stream> CreateContentReadStreamAsync() => Task.FromResult<Stream>(_stream);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => throw new NotSupportedException();

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _stream.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
