using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Tls;

/// <summary>
/// What a client says of the signatures that it can check, read from its first message before the handshake begins: the platform tells the
/// name alone. Only where a listener has certificates of both sorts for one name.
/// </summary>
internal sealed class ClientHello(TimeProvider time)
{
    /// <summary>A first message of a client is some hundred bytes, with post-quantum keys some thousand.</summary>
    private const int BytesMax = 16 * 1024;

    private const int Handshake = 22;
    private const int Hello = 1;
    private const int RecordHead = 5;
    private const ushort SignatureAlgorithms = 13;

    /// <summary>As long as the handshake behind it may take.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly object Key = new();

    /// <summary>The client of the connection can check signatures of elliptic curves; false when it says nothing of them.</summary>
    public static bool KnowsEcdsa(BaseConnectionContext connection) =>
        ((connection as ConnectionContext)?.Items.TryGetValue(Key, out var knows) ?? false) && knows is true;

    public async Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        using (var deadline = new CancellationTokenSource(Patience, time))
        {
            try
            {
                connection.Items[Key] = await ReadAsync(connection.Transport.Input, deadline.Token);
            }
            catch (OperationCanceledException)
            {
                connection.Abort();
                return;
            }
        }

        await next(connection);
    }

    /// <summary>Whether the message names a signature of elliptic curves; null when there is not all of it yet.</summary>
    public static bool? Read(ReadOnlySpan<byte> bytes)
    {
        var message = new byte[bytes.Length];
        var length = 0;
        for (var rest = bytes; rest.Length >= RecordHead;)
        {
            if (rest[0] != Handshake)
            {
                return false; // no TLS: whoever reads next says so
            }

            var record = BinaryPrimitives.ReadUInt16BigEndian(rest[3..]);
            var part = rest[RecordHead..];
            part = part[..Math.Min(record, part.Length)];
            part.CopyTo(message.AsSpan(length));
            length += part.Length;
            rest = rest[(RecordHead + part.Length)..];
            if (length >= 4 && message[0] != Hello)
            {
                return false;
            }

            var whole = length >= 4 ? 4 + ((message[1] << 16) | (message[2] << 8) | message[3]) : int.MaxValue;
            if (length >= whole)
            {
                return NamesEcdsa(message.AsSpan(4, whole - 4));
            }

            if (part.Length < record)
            {
                break;
            }
        }

        return bytes.Length >= BytesMax ? false : null;
    }

    private static async ValueTask<bool> ReadAsync(PipeReader input, CancellationToken cancellation)
    {
        while (true)
        {
            var read = await input.ReadAsync(cancellation);
            var knows = Read(read.Buffer.Slice(0, Math.Min(read.Buffer.Length, BytesMax)).ToArray());
            if (knows is not null || read.IsCompleted)
            {
                input.AdvanceTo(read.Buffer.Start); // for the handshake
                return knows is true;
            }

            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static bool NamesEcdsa(ReadOnlySpan<byte> hello)
    {
        const int VersionAndRandom = 34;
        try
        {
            var rest = hello[VersionAndRandom..];
            rest = rest[(1 + rest[0])..];                                          // session
            var ciphers = rest.Slice(2, BinaryPrimitives.ReadUInt16BigEndian(rest));
            if (!HasCipher(ciphers))
            {
                return false;
            }

            rest = rest[(2 + ciphers.Length)..];
            rest = rest[(1 + rest[0])..];                                          // compression
            rest = rest.Slice(2, BinaryPrimitives.ReadUInt16BigEndian(rest));
            while (rest.Length >= 4)
            {
                var value = rest.Slice(4, BinaryPrimitives.ReadUInt16BigEndian(rest[2..]));
                if (BinaryPrimitives.ReadUInt16BigEndian(rest) == SignatureAlgorithms)
                {
                    return HasEcdsa(value.Slice(2, BinaryPrimitives.ReadUInt16BigEndian(value)));
                }

                rest = rest[(4 + value.Length)..];
            }
        }
        catch (Exception exception) when (exception is ArgumentOutOfRangeException or IndexOutOfRangeException)
        {
            // Not as it should be: the handshake says so.
        }

        return false;
    }

    /// <summary>One of TLS 1.3, which go with any key, or one of TLS 1.2 for elliptic keys.</summary>
    private static bool HasCipher(ReadOnlySpan<byte> ciphers)
    {
        for (; ciphers.Length >= 2; ciphers = ciphers[2..])
        {
            if (ciphers is [0x13, ..] or [0xCC, 0xA9, ..]
                or [0xC0, 0x09 or 0x0A or 0x23 or 0x24 or 0x2B or 0x2C or (>= 0xAC and <= 0xAF), ..])
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasEcdsa(ReadOnlySpan<byte> algorithms)
    {
        for (; algorithms.Length >= 2; algorithms = algorithms[2..])
        {
            if (algorithms is [4 or 5 or 6, 3, ..]) // ecdsa_secp256r1_sha256 and its like; with SHA-1 it is not worth much
            {
                return true;
            }
        }

        return false;
    }
}
