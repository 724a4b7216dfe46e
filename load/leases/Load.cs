using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;

namespace Leases;

/// <summary>
/// Sends at times set beforehand, whatever becomes of the requests before: evenly over the time, at random to the nodes that are up.
/// A request that finds all connections of its node busy goes as soon as one is free; how late the latest was is part of the result.
/// </summary>
internal sealed class Load(IReadOnlyList<Node> nodes, Upstream upstream)
{
    private const int ConnectionsPerNode = 48;

    private readonly Random _random = new(1);

    /// <param name="route">First segment of the path.</param>
    /// <param name="perSecond">Requests a second, all nodes together.</param>
    /// <param name="time">How long.</param>
    public async Task<Outcome> RunAsync(string route, int perSecond, TimeSpan time)
    {
        var count = (int)(perSecond * time.TotalSeconds);
        var outcome = new Outcome(count);
        upstream.Arrived = outcome.Arrived;
        var queues = nodes.Select(_ => Channel.CreateUnbounded<int>()).ToArray();
        var clients = nodes.SelectMany((node, i) => Enumerable.Range(0, ConnectionsPerNode)
            .Select(_ => Task.Run(() => AskAsync(node, queues[i].Reader, route, outcome)))).ToArray();
        await Task.Factory.StartNew(
            () => Send(queues, outcome, perSecond), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await Task.WhenAll(clients);
        return outcome;
    }

    private void Send(Channel<int>[] queues, Outcome outcome, int perSecond)
    {
        using var never = new ManualResetEvent(false);
        outcome.Start = Stopwatch.GetTimestamp();
        for (var next = 0; next < outcome.Due.Length;)
        {
            var now = Stopwatch.GetElapsedTime(outcome.Start).TotalSeconds;
            for (; next < outcome.Due.Length && next <= now * perSecond; next++)
            {
                outcome.Due[next] = outcome.Start + (long)(next * (double)Stopwatch.Frequency / perSecond);
                int to;
                do
                {
                    to = _random.Next(queues.Length);
                }
                while (!nodes[to].IsUp);
                queues[to].Writer.TryWrite(next);
            }

            never.WaitOne(1);
        }

        Array.ForEach(queues, queue => queue.Writer.Complete());
    }

    private static async Task AskAsync(Node node, ChannelReader<int> queue, string route, Outcome outcome)
    {
        Socket? socket = null;
        var buffer = new byte[8192];
        await foreach (var number in queue.ReadAllAsync())
        {
            try
            {
                if (socket is null)
                {
                    socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                    await socket.ConnectAsync(IPAddress.Loopback, node.Port);
                }

                var length = Encoding.ASCII.GetBytes(
                    $"GET /{route}/{number} HTTP/1.1\r\nHost: localhost\r\nX-Client: c{number}\r\n\r\n", buffer);
                outcome.Sent[number] = Stopwatch.GetTimestamp();
                await socket.SendAsync(buffer.AsMemory(0, length));
                outcome.Status[number] = await StatusAsync(socket, buffer);
                outcome.Answered[number] = Stopwatch.GetTimestamp();
            }
            catch (SocketException)
            {
                socket?.Dispose();
                socket = null;
            }
        }

        socket?.Dispose();
    }

    /// <summary>Reads an answer whose length is given, or which comes in chunks.</summary>
    private static async Task<short> StatusAsync(Socket socket, byte[] buffer)
    {
        for (var filled = 0; ;)
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(filled));
            filled += read > 0 ? read : throw new SocketException((int)SocketError.ConnectionReset);
            if (IsWhole(buffer.AsSpan(0, filled)))
            {
                return short.Parse(buffer.AsSpan(9, 3), null);
            }
        }
    }

    private static bool IsWhole(ReadOnlySpan<byte> answer)
    {
        var end = answer.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return false;
        }

        var length = answer[..end].IndexOf("Content-Length: "u8);
        if (length < 0)
        {
            return answer.EndsWith("\r\n0\r\n\r\n"u8);
        }

        var digits = answer[(length + "Content-Length: ".Length)..];
        return answer.Length >= end + 4 + int.Parse(digits[..digits.IndexOf((byte)'\r')], null);
    }
}

/// <summary>What became of a run, by number of request; timestamps of <see cref="Stopwatch"/>, 0 where it did not happen.</summary>
internal sealed class Outcome(int count)
{
    public long Start { get; set; }

    public long[] Due { get; } = new long[count];

    public long[] Sent { get; } = new long[count];

    public long[] Arrived { get; } = new long[count];

    public long[] Answered { get; } = new long[count];

    /// <summary>0: the connection broke.</summary>
    public short[] Status { get; } = new short[count];

    public double At(long timestamp) => Stopwatch.GetElapsedTime(Start, timestamp).TotalSeconds;

    /// <summary>Sent and seen, for each request that the upstream saw.</summary>
    public (double Sent, double Arrived)[] Admitted() =>
        [.. Enumerable.Range(0, Due.Length).Where(i => Arrived[i] != 0).Select(i => (At(Sent[i]), At(Arrived[i])))];

    /// <summary>Milliseconds from one time to another, of those that have both; ascending.</summary>
    public static double[] Between(long[] from, long[] to) =>
        [.. from.Zip(to).Where(pair => pair is { First: not 0, Second: not 0 })
            .Select(pair => Stopwatch.GetElapsedTime(pair.First, pair.Second).TotalMilliseconds).Order()];
}
