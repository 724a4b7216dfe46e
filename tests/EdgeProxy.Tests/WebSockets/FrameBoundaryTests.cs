using System.Buffers.Binary;
using EdgeProxy.WebSockets;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace EdgeProxy.Tests.WebSockets;

/// <summary>Where one WebSocket frame ends and the next begins.</summary>
public sealed class FrameBoundaryTests
{
    private static readonly int[] Lengths = [0, 1, 2, 125, 126, 127, 300, 65_535, 65_536, 70_000];

    [Fact]
    public void It_is_at_a_boundary_exactly_between_frames_whatever_pieces_they_arrive_in()
    {
        var cases = from frames in Gen.NonEmptyListOf(Frames())
                    from cuts in Gen.NonEmptyListOf(Gen.Choose(1, 5_000))
                    select (frames, cuts);

        Prop.ForAll(cases.ToArbitrary(), given =>
        {
            var bytes = given.frames.SelectMany(frame => frame).ToArray();
            var ends = new HashSet<int>();
            foreach (var frame in given.frames)
            {
                ends.Add(ends.Count == 0 ? frame.Length : ends.Max() + frame.Length);
            }

            var boundary = new FrameBoundary();
            Assert.True(boundary.IsHere);
            var at = 0;
            for (var i = 0; at < bytes.Length; i++)
            {
                var next = Math.Min(bytes.Length, at + given.cuts[i % given.cuts.Count]);
                boundary.Advance(bytes.AsSpan(at, next - at));
                at = next;
                Assert.Equal(ends.Contains(at), boundary.IsHere);
            }
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Each_step_ends_with_the_frame_it_began_in()
    {
        Prop.ForAll(Gen.NonEmptyListOf(Frames()).ToArbitrary(), frames =>
        {
            var bytes = frames.SelectMany(frame => frame).ToArray();
            var boundary = new FrameBoundary();
            var at = 0;
            foreach (var frame in frames)
            {
                var step = boundary.AdvanceToNext(bytes.AsSpan(at));
                Assert.Equal(frame.Length, step);
                Assert.True(boundary.IsHere);
                at += step;
            }
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_close_frame_is_seen_when_it_is_whole_and_only_as_a_frame_of_its_own()
    {
        var boundary = new FrameBoundary();
        boundary.Advance([0x82, 0x02, 0x88, 0x00]); // a Close inside a payload is payload
        Assert.False(boundary.CloseSeen);
        boundary.Advance([0x88, 0x02, 0x03]);
        Assert.False(boundary.CloseSeen);
        boundary.Advance([0xE9]);
        Assert.True(boundary.CloseSeen);
    }

    [Fact]
    public void A_length_of_63_bits_does_not_overflow()
    {
        var boundary = new FrameBoundary();
        boundary.Advance([0x82, 0x7F, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        boundary.Advance(new byte[100_000]);
        Assert.False(boundary.IsHere);
    }

    private static Gen<byte[]> Frames() =>
        from opcode in Gen.Elements(0x00, 0x01, 0x02, 0x08, 0x09, 0x0A)
        from final in Gen.Elements(0x00, 0x80)
        from masked in Gen.Elements(false, true)
        from length in Gen.OneOf(Gen.Elements(Lengths), Gen.Choose(0, 2_000))
        select Frame((byte)(opcode | final), masked, length);

    private static byte[] Frame(byte first, bool masked, int length)
    {
        var mask = masked ? 0x80 : 0;
        byte[] head;
        if (length < 126)
        {
            head = [first, (byte)(mask | length)];
        }
        else if (length <= 65_535)
        {
            head = [first, (byte)(mask | 126), 0, 0];
            BinaryPrimitives.WriteUInt16BigEndian(head.AsSpan(2), (ushort)length);
        }
        else
        {
            head = [first, (byte)(mask | 127), 0, 0, 0, 0, 0, 0, 0, 0];
            BinaryPrimitives.WriteUInt64BigEndian(head.AsSpan(2), (ulong)length);
        }

        var rest = new byte[(masked ? 4 : 0) + length];
        Array.Fill(rest, (byte)0x88); // looks like the head of a Close wherever it is misread
        return [.. head, .. rest];
    }
}
