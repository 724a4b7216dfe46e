namespace EdgeProxy.Connections;

/// <summary>
/// Finds a second content-length among the fields of an HTTP/2 request. The server would end the connection for it, and with it the
/// streams of others; so it reads another name of the same size in its place, and the stream alone is refused. Field blocks (RFC 7541)
/// are walked and not decoded: a field that the client's table holds is not looked into, and is left to the server.
/// </summary>
internal sealed class LengthWatch(MalformedStreams malformed)
{
    private const byte Headers = 1, Continuation = 9, Padded = 8, HasPriority = 32;
    private const int Preface = 24, PriorityLength = 5, ContentLength = 28, AcceptCharset = 15;

    /// <summary>The name as it is, and in the code of Huffman; then what stands for it in its last byte.</summary>
    private static readonly byte[] Plain = "content-length"u8.ToArray();
    private static readonly byte[] Coded = [0x21, 0xEA, 0x49, 0x6A, 0x4A, 0xD4, 0x16, 0xA9, 0x93, 0x3F];
    private const byte PlainOther = (byte)'x', CodedOther = 0x47;

    private readonly byte[] _head = new byte[FrameHeads.HeadLength];
    private int _headSeen;
    private int _left = Preface; // bytes of the frame
    private int _skipped; // bytes before its block
    private int _padding;
    private bool _isPadded;
    private FieldWalk _walk;

    private byte Type => _head[3];

    private int Stream => ((_head[5] & 0x7F) << 24) | (_head[6] << 16) | (_head[7] << 8) | _head[8];

    /// <summary>Goes over what follows the bytes of the last call, and changes what it must.</summary>
    public void Watch(Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_left == 0)
            {
                _head[_headSeen++] = bytes[0];
                bytes = bytes[1..];
                if (_headSeen == _head.Length)
                {
                    Begin();
                }

                continue;
            }

            var isBlock = Type is Headers or Continuation && _skipped == 0 && !_isPadded && _left > _padding;
            var part = _isPadded ? 1 : isBlock ? _left - _padding : _skipped > 0 ? Math.Min(_skipped, _left) : _left;
            var step = Math.Min(bytes.Length, part);
            if (_isPadded)
            {
                (_padding, _isPadded) = (bytes[0], false);
            }
            else if (isBlock)
            {
                if (_walk.Pass(bytes[..step], Plain, Coded))
                {
                    malformed.Add(Stream);
                }
            }
            else
            {
                _skipped = Math.Max(0, _skipped - step);
            }

            _left -= step;
            bytes = bytes[step..];
        }
    }

    private void Begin()
    {
        _headSeen = 0;
        _left = (_head[0] << 16) | (_head[1] << 8) | _head[2];
        (_skipped, _padding, _isPadded) = (0, 0, false);
        if (Type == Headers)
        {
            _walk = default;
            _isPadded = (_head[4] & Padded) != 0 && _left > 0;
            _skipped = (_head[4] & HasPriority) != 0 ? PriorityLength : 0;
        }
    }

    /// <summary>Where in a block the walk is.</summary>
    private struct FieldWalk
    {
        private enum Step : byte
        {
            Field,
            Other,
            NameIndex,
            NameLengthBegins,
            NameLength,
            Name,
            OtherName,
            ValueLengthBegins,
            ValueLength,
            Value,
            Broken,
        }

        private Step _step;
        private bool _isInteger; // its bytes go on
        private bool _isCoded;
        private bool _isLength;
        private int _value;
        private int _shift;
        private int _at;
        private int _found;

        /// <summary>True when a further content-length has been changed.</summary>
        public bool Pass(Span<byte> block, ReadOnlySpan<byte> plain, ReadOnlySpan<byte> coded)
        {
            var changed = false;
            for (var i = 0; i < block.Length && _step != Step.Broken;)
            {
                if (_step is Step.Value or Step.OtherName)
                {
                    var skipped = Math.Min(_value - _at, block.Length - i);
                    (_at, i) = (_at + skipped, i + skipped);
                    _step = _at < _value ? _step : _step == Step.Value ? Step.Field : Step.ValueLengthBegins;
                    continue;
                }

                ref var one = ref block[i++];
                if (_step == Step.Name)
                {
                    var name = _isCoded ? coded : plain;
                    _isLength = _isLength && one == name[_at];
                    if (++_at == _value)
                    {
                        changed |= _isLength && IsFurther(ref one, _isCoded ? CodedOther : PlainOther);
                        _step = Step.ValueLengthBegins;
                    }

                    continue;
                }

                var isFirst = !_isInteger;
                if (isFirst)
                {
                    Begin(one);
                }
                else
                {
                    _value += (one & 0x7F) << _shift;
                    _shift += 7;
                    _isInteger = one >= 0x80;
                    _step = _shift > 21 && _isInteger ? Step.Broken : _step;
                }

                if (!_isInteger)
                {
                    changed |= End(ref one, isFirst, plain.Length, coded.Length);
                }
            }

            return changed;
        }

        private void Begin(byte one)
        {
            var mask = 0x7F;
            if (_step == Step.Field)
            {
                (_step, mask) = one >= 0x80 ? (Step.Other, 0x7F)
                    : one >= 0x40 ? (Step.NameIndex, 0x3F)
                    : one >= 0x20 ? (Step.Other, 0x1F)
                    : (Step.NameIndex, 0x0F);
            }
            else
            {
                _isCoded = one >= 0x80;
                _step = _step == Step.NameLengthBegins ? Step.NameLength : Step.ValueLength;
            }

            _value = one & mask;
            _shift = 0;
            _isInteger = _value == mask;
        }

        /// <summary>An integer is complete.</summary>
        private bool End(ref byte last, bool isFirst, int plain, int coded)
        {
            var changed = false;
            _at = 0;
            switch (_step)
            {
                case Step.NameIndex:
                    if (_value == ContentLength)
                    {
                        // One byte, or one behind a prefix that is full; in more bytes than that it is left to the server.
                        changed = (isFirst || _shift == 7)
                            && IsFurther(ref last, isFirst ? (byte)(last - ContentLength + AcceptCharset) : (byte)(AcceptCharset - 0x0F));
                    }

                    _step = _value == 0 ? Step.NameLengthBegins : Step.ValueLengthBegins;
                    break;
                case Step.NameLength:
                    _isLength = _value == (_isCoded ? coded : plain);
                    _step = _isLength ? Step.Name : _value > 0 ? Step.OtherName : Step.ValueLengthBegins;
                    break;
                case Step.ValueLength:
                    _step = _value == 0 ? Step.Field : Step.Value;
                    break;
                default:
                    _step = Step.Field;
                    break;
            }

            return changed;
        }

        private bool IsFurther(ref byte last, byte other)
        {
            if (++_found < 2)
            {
                return false;
            }

            last = other;
            return true;
        }
    }
}
