using System.Text.RegularExpressions;
using EdgeProxy.IntegrationTests.Peers;

namespace EdgeProxy.IntegrationTests.Upstreams;

/// <summary>Authenticates connections as IIS does: whoever has done so on a connection is the user of all that follows on it.</summary>
internal static partial class NtlmUpstream
{
    public static RawUpstream Start(string scheme = "NTLM", bool closesOnCredential = false) => RawUpstream.Start(async connection =>
    {
        var user = "nobody";
        while (await connection.ReadHeadAsync() is { } head)
        {
            var given = Credential().Match(head).Groups[2].Value;
            if (given == "hello" && closesOnCredential)
            {
                return;
            }

            user = given.StartsWith("user-", StringComparison.Ordinal) ? given : user;
            var body = $"{user}@{connection.Number}";
            var challenge = $"401 Unauthorized\r\nWWW-Authenticate: {scheme}{(given == "hello" ? " token" : "")}";
            await connection.SendAsync(
                $"HTTP/1.1 {(user == "nobody" ? challenge : "200 OK")}\r\nContent-Length: {body.Length}\r\n\r\n{body}");
        }
    });

    [GeneratedRegex(@"^Authorization: (\w+) (\S+)", RegexOptions.Multiline)]
    private static partial Regex Credential();
}
