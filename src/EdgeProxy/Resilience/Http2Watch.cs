using System.Buffers.Binary;

namespace EdgeProxy.Resilience;

/// <summary>
/// What the frames of one HTTP/2 connection to a destination say of it: which streams are open, and whether it is alive. It changes
/// what the
/// platform's client is told where that would act on its own, and decides when the connection is pinged, retired or given up.
/// </summary>
/// <param name="unansweredMax">So many streams given up in a row, with no frame meanwhile, retire the connection.</param>
internal sealed class Http2Watch(PingPace pace, int unansweredMax, TimeProvider time)
{
    /// <summary>
    /// Streams of one connection that are given up before their response has ended, before others are opened on a new one.
    /// </summary>
    /// <remarks>Servers end a connection on which too many are: the strictest that are known after 100, for all who share it.</remarks>
    public const int ResetsMax = 50;

    /// <summary>A stream that is given up sooner says nothing of its connection.</summary>
    private static readonly TimeSpan LeastWait = TimeSpan.FromMilliseconds(100);

    private const int MaxConcurrentStreams = 3;

    private readonly Lock _sync = new();
    private readonly Dictionary<int, Waiting> _open = [];
    private readonly Queue<byte[]> _toReader = [];
    private readonly TaskCompletionSource _usable = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Http2Liveness _liveness = new(pace);

    private int _toReaderAt;
    private int _newest;
    private int _lastProcessed = int.MaxValue;
    private int _unanswered;
    private int _resets;
    private bool _isRetired;
    private bool _isLookedAfter;
    private TimeSpan? _lookAfter;
    private bool? _takesStreams;
    private volatile bool _isCalmed;
    private volatile bool _hasAnswered;
    private volatile bool _hasForReader;

    /// <summary>The destination has ended the connection because it was sent too much: what ends with it is no fault of its own.</summary>
    public bool IsCalmed => _isCalmed;

    /// <summary>There is something for the reader that the destination has not sent.</summary>
    public bool HasForReader => _hasForReader;

    /// <summary>Completes when the destination's SETTINGS have been read and let streams be opened, or the connection has ended.</summary>
    public Task Usable => _usable.Task;

    /// <summary>The connection ended before it was usable.</summary>
    public bool WasNeverUsable { get; private set; }

    /// <summary>Whether <paramref name="payload"/> is of a ping that the edge sent: the client knows nothing of it.</summary>
    public static bool IsOwnPing(long payload) => payload >>> 16 == 0xFFFF_4544_4745;

    public static long OwnPing { get; } = unchecked((long)0xFFFF_4544_4745_0001);

    /// <summary>Its SETTINGS have come and say that no stream may be opened for now.</summary>
    public bool TakesNoStreamsYet => _takesStreams is false;

    /// <summary>After how long <see cref="Next"/> is to be asked; null: it has been arranged for.</summary>
    public TimeSpan? TakeArming()
    {
        lock (_sync)
        {
            (var after, _lookAfter) = (_lookAfter, null);
            return after;
        }
    }

    /// <summary>A frame of the client's is about to be sent.</summary>
    public void Sent(Http2Frame frame)
    {
        lock (_sync)
        {
            switch (frame.Type)
            {
                case Http2Frame.Headers when frame.StreamId > _newest:
                    _newest = frame.StreamId;
                    if (frame.StreamId > _lastProcessed)
                    {
                        Tell(Http2Frame.Reset(frame.StreamId, Http2Codes.GoneAway)); // begun while the GOAWAY was on its way
                        break;
                    }

                    var now = time.GetTimestamp();
                    _open[frame.StreamId] = new Waiting(now, HasHead: false);
                    _liveness.Opened(Now(now), isFirst: _open.Count == 1);
                    if (!_isLookedAfter)
                    {
                        (_isLookedAfter, _lookAfter) = (true, pace.Delay);
                    }

                    break;
                case Http2Frame.RstStream when _open.Remove(frame.StreamId, out var stream):
                    GivenUp(stream);
                    break;
                case Http2Frame.Ping when !frame.Has(Http2Frame.Ack):
                    _liveness.PingSent();
                    break;
            }
        }
    }

    /// <summary>A frame of the destination's has come; it is changed where the client is to be told something else.</summary>
    /// <param name="bytes">Its head, and of its payload what <see cref="Http2Inbound"/> looks at.</param>
    public void Received(Http2Frame frame, Span<byte> bytes)
    {
        var payload = bytes[Http2Frame.HeadLength..];
        lock (_sync)
        {
            _unanswered = 0;
            _liveness.Heard(Now(time.GetTimestamp()), isResponse: frame.Type is Http2Frame.Headers or Http2Frame.Data);
            switch (frame.Type)
            {
                case Http2Frame.Headers or Http2Frame.Data when frame.Has(Http2Frame.EndStream):
                    _hasAnswered = true;
                    Remove(frame.StreamId);
                    break;
                case Http2Frame.Headers when _open.TryGetValue(frame.StreamId, out var stream) && !stream.HasHead:
                    _hasAnswered = true;
                    _open[frame.StreamId] = stream with { HasHead = true };
                    break;
                case Http2Frame.RstStream when payload.Length > 0:
                    BinaryPrimitives.WriteInt32BigEndian(payload, CodeFor(frame.StreamId, BinaryPrimitives.ReadInt32BigEndian(payload)));
                    Remove(frame.StreamId);
                    break;
                case Http2Frame.Settings when !frame.Has(Http2Frame.Ack):
                    _takesStreams = SettingsAllowStreams(payload);
                    break;
                case Http2Frame.Ping when payload.Length > 0 && frame.Has(Http2Frame.Ack)
                    && IsOwnPing(BinaryPrimitives.ReadInt64BigEndian(payload)):
                    (bytes[3], bytes[4]) = (Http2Frame.AltSvc, 0); // for an origin of no such length: the client drops it
                    break;
                case Http2Frame.GoAway when payload.Length > 0:
                    GoneAway(payload);
                    break;
            }
        }
    }

    /// <summary>Takes what the reader is told by the edge; 0 when there is nothing more.</summary>
    public int TakeForReader(Span<byte> buffer)
    {
        lock (_sync)
        {
            var count = 0;
            while (count < buffer.Length && _toReader.TryPeek(out var frame))
            {
                var piece = Math.Min(buffer.Length - count, frame.Length - _toReaderAt);
                frame.AsSpan(_toReaderAt, piece).CopyTo(buffer[count..]);
                (count, _toReaderAt) = (count + piece, _toReaderAt + piece);
                if (_toReaderAt == frame.Length)
                {
                    _toReader.Dequeue();
                    _toReaderAt = 0;
                }
            }

            _hasForReader = _toReader.Count > 0;
            return count;
        }
    }

    /// <summary>The client has acted on all that was received.</summary>
    public void ReadOn()
    {
        if (_takesStreams is true)
        {
            _usable.TrySetResult();
        }
    }

    /// <summary>Nothing more will be received.</summary>
    public void Ended()
    {
        lock (_sync)
        {
            WasNeverUsable |= !_usable.Task.IsCompleted;
            if (_hasAnswered && !_isCalmed)
            {
                foreach (var (id, _) in _open.Where(stream => !stream.Value.HasHead))
                {
                    Tell(Http2Frame.Reset(id, Http2Codes.Stale));
                }
            }

            _open.Clear();
        }

        _usable.TrySetResult();
    }

    /// <summary>What is to be done about the connection now, and after how long to ask again; null: when a stream is opened.</summary>
    public (Http2Step Step, TimeSpan? Again) Next()
    {
        lock (_sync)
        {
            var now = Now(time.GetTimestamp());
            var waiting = _open.Values.Where(stream => !stream.HasHead).ToArray();
            if (waiting.Length > 0 && _liveness.IsDoubtful(now, Now(waiting.Max(stream => stream.OpenedAt))))
            {
                Retire();
            }

            var next = _liveness.Next(now, _open.Count, waiting.Length == 0 ? null : Now(waiting.Min(stream => stream.OpenedAt)));
            _isLookedAfter = next.Again is not null;
            return next;
        }
    }

    private TimeSpan Now(long timestamp) => time.GetElapsedTime(0, timestamp);

    private void GivenUp(Waiting stream)
    {
        _resets++;
        if (!stream.HasHead && Now(stream.OpenedAt) >= _liveness.HeardAt && time.GetElapsedTime(stream.OpenedAt) >= LeastWait)
        {
            _unanswered++;
        }

        if (_resets >= ResetsMax || _unanswered >= unansweredMax)
        {
            Retire();
        }
    }

    /// <summary>Streams that are open go on; new ones are opened on another connection.</summary>
    private void Retire()
    {
        if (!_isRetired)
        {
            _isRetired = true;
            Tell(Http2Frame.NoMoreStreams());
        }
    }

    private void GoneAway(Span<byte> payload)
    {
        _isRetired = true;
        _isCalmed |= BinaryPrimitives.ReadInt32BigEndian(payload[4..]) == Http2Codes.EnhanceYourCalm;
        if (payload[Http2Frame.GoAwayLength..].StartsWith("too_many_pings"u8))
        {
            pace.Slow();
        }

        _lastProcessed = Math.Min(_lastProcessed, BinaryPrimitives.ReadInt32BigEndian(payload) & int.MaxValue);
        BinaryPrimitives.WriteInt32BigEndian(payload, int.MaxValue);
        foreach (var id in _open.Keys.Where(id => id > _lastProcessed).ToArray())
        {
            Tell(Http2Frame.Reset(id, _open[id].HasHead ? Http2Codes.Internal : Http2Codes.GoneAway));
            Remove(id);
        }
    }

    /// <summary>A stream that a response has begun on was processed, whatever its end says.</summary>
    private int CodeFor(int streamId, int code) => code switch
    {
        Http2Codes.RefusedStream when _open.TryGetValue(streamId, out var stream) && !stream.HasHead => Http2Codes.Refused,
        Http2Codes.RefusedStream => Http2Codes.Internal,
        _ => Http2Codes.IsOwn(code) ? Http2Codes.Internal : code,
    };

    /// <summary>Until they do, a server that is not ready would refuse what is sent.</summary>
    private bool SettingsAllowStreams(ReadOnlySpan<byte> settings)
    {
        var allow = _takesStreams ?? true;
        for (; settings.Length >= Http2Frame.SettingLength; settings = settings[Http2Frame.SettingLength..])
        {
            if (BinaryPrimitives.ReadUInt16BigEndian(settings) == MaxConcurrentStreams)
            {
                allow = BinaryPrimitives.ReadUInt32BigEndian(settings[2..]) > 0;
            }
        }

        return allow;
    }

    private void Remove(int streamId) => _open.Remove(streamId);

    private void Tell(byte[] frame)
    {
        _toReader.Enqueue(frame);
        _hasForReader = true;
    }

    private readonly record struct Waiting(long OpenedAt, bool HasHead);
}
