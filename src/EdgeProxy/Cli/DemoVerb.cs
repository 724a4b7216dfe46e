using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using EdgeProxy.Configuration;

namespace EdgeProxy.Cli;

/// <summary>`edgeproxy demo`: the sample configuration in front of two upstreams, all in this process and on loopback only.</summary>
internal static class DemoVerb
{
    private const int TrafficPort = 8080;
    private const int AdminPort = 9901;

    public static Command Create()
    {
        var command = new Command("demo", "Serve a sample configuration and print three curl lines to try");
        command.SetAction((_, _) => RunAsync());
        return command;
    }

    private static async Task<int> RunAsync()
    {
        await using var a = await DemoUpstream.StartAsync("a");
        await using var b = await DemoUpstream.StartAsync("b");
        // Bound but not listening: as long as the demo runs, nobody can turn out to answer here after all.
        using var nobody = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        nobody.Bind(new IPEndPoint(IPAddress.Loopback, 0));

        var configuration = Sample()
            .Replace("{{traffic}}", LoopbackAddress(TrafficPort), StringComparison.Ordinal)
            .Replace("{{admin}}", LoopbackAddress(AdminPort), StringComparison.Ordinal)
            .Replace("{{a}}", a.Address, StringComparison.Ordinal)
            .Replace("{{b}}", b.Address, StringComparison.Ordinal)
            .Replace("{{nobody}}", $"http://{nobody.LocalEndPoint}/", StringComparison.Ordinal);

        // A folder of its own holds the file, and whatever the edge keeps beside it, until the demo ends.
        var folder = Directory.CreateTempSubdirectory("edgeproxy-demo-");
        try
        {
            var file = Path.Combine(folder.FullName, "edgeproxy.json");
            await File.WriteAllTextAsync(file, configuration);
            return await RunVerb.RunAsync(
                new RunOptions { ConfigPath = file, AcceptsOnStop = false },
                gateway => Console.Out.WriteLine(Introduction(configuration, file, gateway.Addresses.First(), gateway.AdminAddress)));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string Sample()
    {
        using var stream = typeof(DemoVerb).Assembly.GetManifestResourceStream("EdgeProxy.Cli.demo.json")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>The usual port when it is free; else port 0, for which the system finds one.</summary>
    private static string LoopbackAddress(int port)
    {
        try
        {
            using var probe = new TcpListener(IPAddress.Loopback, port);
            probe.Start();
            return $"http://127.0.0.1:{port}";
        }
        catch (SocketException)
        {
            return "http://127.0.0.1:0";
        }
    }

    private static string Introduction(string configuration, string file, string traffic, string admin) => $$"""

        {{configuration}}
        This configuration is served from {{file}}
        Admin listener: {{admin}}/metrics. Ctrl-C stops, and leaves nothing behind.

        A request that is proxied, one that is refused with 429 once the bucket is empty, one whose upstream is down (502):

          curl -i {{traffic}}/hello
          for i in 1 2 3 4 5; do curl -s -w '\n%{http_code}\n' {{traffic}}/limited; done
          curl -i {{traffic}}/broken

        """;
}
