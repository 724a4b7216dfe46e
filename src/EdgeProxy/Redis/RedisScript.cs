using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>A Lua script of this assembly, called by its hash; sent whole when the server does not know it (any more).</summary>
internal sealed class RedisScript
{
    private readonly byte[] _hash;

    public RedisScript(string text)
    {
        Text = text;
        _hash = Sha1(text);
    }

    public string Text { get; }

    /// <summary>Reads the embedded scripts `FOLDER/NAME.lua` as one: each may use what those before it define.</summary>
    public static RedisScript Load(string folder, params string[] names) => new(string.Concat(names.Select(name => Read(folder, name))));

    /// <summary>For a script that answers with whole numbers.</summary>
    public async Task<long[]> AskAsync(IDatabaseAsync database, RedisKey[] keys, RedisValue[] arguments) =>
        (long[])(await RunAsync(database, keys, arguments))!;

    public async Task<RedisResult> RunAsync(IDatabaseAsync database, RedisKey[] keys, RedisValue[] arguments)
    {
        try
        {
            return await database.ScriptEvaluateAsync(_hash, keys, arguments, CommandFlags.DemandMaster);
        }
        catch (RedisServerException exception) when (exception.Kind == RedisErrorKind.NoScript)
        {
            var parts = new List<object>(2 + keys.Length + arguments.Length) { Text, keys.Length };
            parts.AddRange(keys.Select(key => (object)key));
            parts.AddRange(arguments.Select(argument => (object)argument));
            return await database.ExecuteAsync("EVAL", parts, CommandFlags.DemandMaster);
        }
    }

    private static string Read(string folder, string name)
    {
        using var stream = typeof(RedisScript).Assembly.GetManifestResourceStream($"EdgeProxy.{folder}.{name}.lua")
            ?? throw new InvalidOperationException($"The script {folder}/{name}.lua is not embedded.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }

#pragma warning disable CA5350 // The name that Redis gives a script is its SHA-1; nothing is protected by it.
    private static byte[] Sha1(string text) => SHA1.HashData(Encoding.UTF8.GetBytes(text));
#pragma warning restore CA5350
}
