using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// SipHash-2-4 with a 128-bit result: a hash that nobody can aim without knowing its key, so that clients cannot choose names
/// that land in one bucket or one chain. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF".
/// </summary>
internal readonly struct SipHash(ulong key0, ulong key1)
{
    /// <summary>Under a key that nobody outside this process knows.</summary>
    public static SipHash WithSecretKey()
    {
        var secret = RandomNumberGenerator.GetBytes(16);
        return new SipHash(BitConverter.ToUInt64(secret, 0), BitConverter.ToUInt64(secret, 8));
    }

    public (ulong High, ulong Low) Hash(ReadOnlySpan<byte> data)
    {
        var v0 = key0 ^ 0x736f6d6570736575;
        var v1 = key1 ^ 0x646f72616e646f6d ^ 0xee;
        var v2 = key0 ^ 0x6c7967656e657261;
        var v3 = key1 ^ 0x7465646279746573;
        var last = (ulong)data.Length << 56;
        while (data.Length >= 8)
        {
            Absorb(BinaryPrimitives.ReadUInt64LittleEndian(data), ref v0, ref v1, ref v2, ref v3);
            data = data[8..];
        }

        for (var i = 0; i < data.Length; i++)
        {
            last |= (ulong)data[i] << (8 * i);
        }

        Absorb(last, ref v0, ref v1, ref v2, ref v3);
        v2 ^= 0xee;
        Rounds(4, ref v0, ref v1, ref v2, ref v3);
        var low = v0 ^ v1 ^ v2 ^ v3;
        v1 ^= 0xdd;
        Rounds(4, ref v0, ref v1, ref v2, ref v3);
        return (v0 ^ v1 ^ v2 ^ v3, low);
    }

    private static void Absorb(ulong word, ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        v3 ^= word;
        Rounds(2, ref v0, ref v1, ref v2, ref v3);
        v0 ^= word;
    }

    private static void Rounds(int count, ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        for (; count > 0; count--)
        {
            v0 += v1;
            v1 = BitOperations.RotateLeft(v1, 13) ^ v0;
            v0 = BitOperations.RotateLeft(v0, 32);
            v2 += v3;
            v3 = BitOperations.RotateLeft(v3, 16) ^ v2;
            v0 += v3;
            v3 = BitOperations.RotateLeft(v3, 21) ^ v0;
            v2 += v1;
            v1 = BitOperations.RotateLeft(v1, 17) ^ v2;
            v2 = BitOperations.RotateLeft(v2, 32);
        }
    }
}
