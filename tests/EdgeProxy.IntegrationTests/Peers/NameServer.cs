using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>A name server that answers each SRV question with the endpoints that the test says, or not at all.</summary>
internal sealed class NameServer : IAsyncDisposable
{
    private const ushort TypeA = 1;
    private const ushort TypeSrv = 33;

    private readonly UdpClient _socket = new(new IPEndPoint(IPAddress.Loopback, 0));
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _serving;
    private volatile IPEndPoint[]? _endpoints;
    private int _questions;

    public NameServer(params IPEndPoint[]? endpoints)
    {
        _endpoints = endpoints;
        _serving = ServeAsync();
    }

    /// <summary>Address and port, as `Edge.Names.Servers` has it.</summary>
    public string Address => _socket.Client.LocalEndPoint!.ToString()!;

    public int Questions => Volatile.Read(ref _questions);

    /// <summary>Seconds that answers hold.</summary>
    public int TimeToLive { get; init; } = 1;

    /// <summary>The priority of an endpoint, by its place.</summary>
    public Func<int, int> Priority { get; init; } = _ => 0;

    /// <summary>From now on the name stands for these; null: nobody answers.</summary>
    public void Set(params IPEndPoint[]? endpoints) => _endpoints = endpoints;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _serving;
        _socket.Dispose();
        _stop.Dispose();
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var question = await _socket.ReceiveAsync(_stop.Token);
                Interlocked.Increment(ref _questions);
                if (_endpoints is { } endpoints)
                {
                    await _socket.SendAsync(Answer(question.Buffer, endpoints), question.RemoteEndPoint, _stop.Token);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    private byte[] Answer(byte[] question, IPEndPoint[] endpoints)
    {
        var end = 12;
        while (question[end] != 0)
        {
            end += question[end] + 1;
        }

        end += 5; // the end of the name, type and class
        var answer = new List<byte>(question[..2]);
        Add(answer, 0x8180, 1, (ushort)endpoints.Length, 0, (ushort)endpoints.Length);
        answer.AddRange(question[12..end]);
        foreach (var (number, endpoint) in endpoints.Index())
        {
            var target = NameOf(number);
            Add(answer, 0xC00C, TypeSrv, 1, 0, (ushort)TimeToLive, (ushort)(6 + target.Length),
                (ushort)Priority(number), 1, (ushort)endpoint.Port);
            answer.AddRange(target);
        }

        foreach (var (number, endpoint) in endpoints.Index())
        {
            answer.AddRange(NameOf(number));
            Add(answer, TypeA, 1, 0, (ushort)TimeToLive, 4);
            answer.AddRange(endpoint.Address.GetAddressBytes());
        }

        return [.. answer];
    }

    private static byte[] NameOf(int number)
    {
        var label = Encoding.ASCII.GetBytes($"n{number}");
        return [(byte)label.Length, .. label, 4, .. "test"u8, 0];
    }

    private static void Add(List<byte> bytes, params ushort[] numbers)
    {
        foreach (var number in numbers)
        {
            var two = new byte[2];
            BinaryPrimitives.WriteUInt16BigEndian(two, number);
            bytes.AddRange(two);
        }
    }
}
