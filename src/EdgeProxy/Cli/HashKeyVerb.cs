using System.CommandLine;
using System.Security.Cryptography;

namespace EdgeProxy.Cli;

/// <summary>`edgeproxy hash-key`: the SHA-256 of an API key, as `Clients.ApiKey.Keys` wants it. The key is shown nowhere.</summary>
internal static class HashKeyVerb
{
    private const int KeyBytesMax = 8192;

    public static Command Create()
    {
        var command = new Command("hash-key", "Read an API key on standard input, print its hex SHA-256");
        command.SetAction(_ => Run(Console.OpenStandardInput()));
        return command;
    }

    private static int Run(Stream input)
    {
        var buffer = new byte[KeyBytesMax + 3];
        var length = input.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        var key = buffer.AsSpan(0, length);
        // What `echo` and editors add is not part of the key.
        key = key.EndsWith("\r\n"u8) ? key[..^2] : key.EndsWith("\n"u8) ? key[..^1] : key;
        if (key.Length is 0 or > KeyBytesMax || key.ContainsAny((byte)'\r', (byte)'\n'))
        {
            Console.Error.WriteLine($"A key is one line of 1 to {KeyBytesMax} bytes on standard input.");
            return Verbs.Failure;
        }

        Console.Out.WriteLine(Convert.ToHexStringLower(SHA256.HashData(key)));
        return Verbs.Success;
    }
}
