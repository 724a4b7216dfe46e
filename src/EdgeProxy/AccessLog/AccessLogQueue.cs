using System.Diagnostics.Metrics;
using System.Threading.Channels;
using EdgeProxy.Metrics;

namespace EdgeProxy.AccessLog;

/// <summary>Lines on their way to the log. Whoever adds one never waits: beyond the bound it is dropped, and counted.</summary>
internal sealed class AccessLogQueue
{
    /// <summary>All lines that wait together, give or take one for each thread that adds at the same time.</summary>
    public const int BytesMax = 4 << 20;

    private readonly Channel<byte[]> _lines = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Counter<long> _total;
    private long _bytes;
    private long _dropped;

    public AccessLogQueue(IMeterFactory meters)
    {
        _total = meters.CreateEdgeMeter().CreateCounter<long>(
            "edgeproxy_access_log_dropped_total", description: "Lines of the access log that could not be written.");
        _total.Add(0);
    }

    /// <summary>Whether a line is worth making. False: it counts as dropped.</summary>
    public bool HasRoom()
    {
        if (Volatile.Read(ref _bytes) < BytesMax)
        {
            return true;
        }

        Drop(1);
        return false;
    }

    /// <summary>Adds a line for which there was room.</summary>
    public void Add(byte[] line)
    {
        Interlocked.Add(ref _bytes, line.Length);
        if (!_lines.Writer.TryWrite(line))
        {
            Interlocked.Add(ref _bytes, -line.Length);
            Drop(1);
        }
    }

    public void Drop(int lines)
    {
        Interlocked.Add(ref _dropped, lines);
        _total.Add(lines);
    }

    /// <summary>Lines that were dropped since this was last asked.</summary>
    public long TakeDropped() => Interlocked.Exchange(ref _dropped, 0);

    /// <summary>That many lines have been lost, and it could not be said.</summary>
    public void GiveBack(long dropped) => Interlocked.Add(ref _dropped, dropped);

    /// <summary>False: the last line has been taken, and none comes after it.</summary>
    public ValueTask<bool> WaitAsync() => _lines.Reader.WaitToReadAsync();

    public bool TryTake(out byte[] line)
    {
        if (!_lines.Reader.TryRead(out line!))
        {
            return false;
        }

        Interlocked.Add(ref _bytes, -line.Length);
        return true;
    }

    /// <summary>Takes no more lines.</summary>
    public void Complete() => _lines.Writer.TryComplete();
}
