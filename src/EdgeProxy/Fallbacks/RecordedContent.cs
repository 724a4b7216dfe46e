using System.Net;

namespace EdgeProxy.Fallbacks;

/// <summary>
/// An answer's body that is recorded while it is read. What breaks off, has trailers, or is larger than may be kept is not; whoever reads
/// it notices nothing of either.
/// </summary>
internal sealed class RecordedContent : HttpContent
{
    private const int FirstBytes = 16 * 1024;

    private readonly HttpResponseMessage _answer;
    private readonly HttpContent _content;
    private readonly Action<ReadOnlyMemory<byte>> _keep;
    private readonly Func<int, bool> _reserve;

    /// <param name="answer">Its body is still unread.</param>
    /// <param name="keep">Gets the whole body, once.</param>
    /// <param name="reserve">Takes room for so many bytes, or, below 0, gives it back. False: there is none.</param>
    public RecordedContent(HttpResponseMessage answer, Action<ReadOnlyMemory<byte>> keep, Func<int, bool> reserve)
    {
        (_answer, _content, _keep, _reserve) = (answer, answer.Content, keep, reserve);
        _content.Headers.CopyTo(Headers);
    }

    protected override Task<Stream> CreateContentReadStreamAsync() => CreateContentReadStreamAsync(CancellationToken.None);

    protected override async Task<Stream> CreateContentReadStreamAsync(CancellationToken cancellationToken) =>
        new Recording(await _content.ReadAsStreamAsync(cancellationToken), this);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        await using var body = await CreateContentReadStreamAsync();
        await body.CopyToAsync(stream);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = -1; // the field says so, if there is one
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _content.Dispose();
        }

        base.Dispose(disposing);
    }

    private sealed class Recording(Stream body, RecordedContent owner) : BodyStream
    {
        private byte[]? _bytes;
        private int _count;
        private bool _isOver;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await body.ReadAsync(buffer, cancellationToken);
            if (read > 0)
            {
                Add(buffer.Span[..read]);
            }
            else if (buffer.Length > 0 && !_isOver)
            {
                var bytes = _bytes.AsSpan(0, _count).ToArray();
                End();
                if (owner._answer.TrailingHeaders.NonValidated.Count == 0)
                {
                    owner._keep(bytes);
                }
            }

            return read;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                End();
                body.Dispose();
            }

            base.Dispose(disposing);
        }

        private void Add(ReadOnlySpan<byte> piece)
        {
            if (_isOver || (_count + piece.Length > (_bytes?.Length ?? 0) && !TryGrow(_count + piece.Length)))
            {
                End();
                return;
            }

            piece.CopyTo(_bytes.AsSpan(_count));
            _count += piece.Length;
        }

        private bool TryGrow(int least)
        {
            var before = _bytes?.Length ?? 0;
            var length = _bytes is null && owner.Headers.ContentLength is { } promised
                ? (int)promised
                : Math.Min(StaleCache.BodyBytesMax, Math.Max(FirstBytes, 2 * before));
            length = Math.Max(length, least);
            if (length > StaleCache.BodyBytesMax || !owner._reserve(length - before))
            {
                return false;
            }

            Array.Resize(ref _bytes, length);
            return true;
        }

        /// <summary>Nothing more is recorded, and the room is given back.</summary>
        private void End()
        {
            if (_bytes is { Length: var length })
            {
                owner._reserve(-length);
            }

            (_bytes, _isOver) = (null, true);
        }
    }
}
