namespace EdgeProxy.Resilience;

/// <summary>A connection to a destination, above TLS: read and written asynchronously, and nothing else.</summary>
internal abstract class ConnectionStream(Stream inner) : Stream
{
    protected Stream Inner { get; } = inner;

    public sealed override bool CanRead => Inner.CanRead;

    public sealed override bool CanSeek => false;

    public sealed override bool CanWrite => Inner.CanWrite;

    public sealed override long Length => throw new NotSupportedException();

    public sealed override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public abstract override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default);

    public abstract override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default);

    public override Task FlushAsync(CancellationToken cancellationToken) => Inner.FlushAsync(cancellationToken);

    public sealed override void Flush() => Inner.Flush();

    public sealed override int Read(byte[] buffer, int offset, int count) => Inner.Read(buffer, offset, count);

    public sealed override void Write(byte[] buffer, int offset, int count) => Inner.Write(buffer, offset, count);

    public sealed override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public sealed override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        Inner.Dispose();
        base.Dispose(disposing);
    }
}
