using System.Text;
using EdgeProxy.AccessLog;
using Xunit;

namespace EdgeProxy.Tests.AccessLog;

/// <summary>What is in a log on a disk that becomes full and has room again.</summary>
public sealed class LogBatchTests
{
    private readonly LogBatch _batch = new();
    private readonly StringBuilder _file = new();

    [Fact]
    public void The_next_line_begins_on_a_line_of_its_own_and_the_count_is_right()
    {
        var (lost, unsaid) = Write(dropped: 0, room: 8, "{one}", "{two}", "{three}");
        Assert.Equal((2, 0), (lost, unsaid)); // of the second only a part is there

        (lost, unsaid) = Write(dropped: lost, room: 3, "{four}");
        Assert.Equal((1, 2), (lost, unsaid)); // nor could it be said

        (lost, unsaid) = Write(dropped: lost + unsaid, room: 0, "{five}");
        Assert.Equal((1, 3), (lost, unsaid));

        Assert.Equal((0, 0), Write(dropped: lost + unsaid, room: 1000, "{six}"));
        var lines = _file.ToString().Split('\n');
        Assert.Equal("{one}", lines[0]);
        Assert.Equal("{t", lines[1]);
        Assert.Contains("\"droppedLines\":4}", lines[^3], StringComparison.Ordinal);
        Assert.Equal(["{six}", ""], lines[^2..]);
    }

    [Fact]
    public void A_batch_that_is_written_whole_has_nothing_lost()
    {
        Assert.Equal((0, 0), Write(dropped: 7, room: 1000, "{one}"));
        Assert.Equal((0, 0), Write(dropped: 0, room: 1000, "{two}"));
        Assert.EndsWith("\"droppedLines\":7}\n{one}\n{two}\n", _file.ToString(), StringComparison.Ordinal);
    }

    private (int Lost, long Unsaid) Write(long dropped, int room, params string[] lines)
    {
        _batch.Begin(dropped, DateTimeOffset.UnixEpoch);
        foreach (var line in lines)
        {
            _batch.Add(Encoding.ASCII.GetBytes(line + "\n"));
        }

        var written = Math.Min(room, _batch.Bytes.Length);
        _file.Append(Encoding.ASCII.GetString(_batch.Bytes[..written]));
        return _batch.Wrote(written);
    }
}
