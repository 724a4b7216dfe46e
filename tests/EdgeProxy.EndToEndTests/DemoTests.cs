using Xunit;

namespace EdgeProxy.EndToEndTests;

/// <summary>`edgeproxy demo`: what it prints works as printed.</summary>
[Collection("demo")] // one after the other: each wants the usual ports first
public sealed class DemoTests
{
    [Fact]
    public async Task The_three_lines_that_demo_prints_show_a_proxied_a_refused_and_a_failed_request()
    {
        await using var demo = Product.Start("demo");
        var proxied = await demo.LineAsync("/hello");
        var refused = await demo.LineAsync("/limited;");
        var failed = await demo.LineAsync("/broken");

        Assert.Contains("HTTP/1.1 200 OK", await Shell.RunAsync(proxied));

        var answers = await Shell.RunAsync(refused);
        Assert.Contains("\n200\n", answers);
        Assert.Contains("\"code\":\"rate_limited\"", answers);
        Assert.EndsWith("\n429\n", answers);

        var failure = await Shell.RunAsync(failed);
        Assert.Contains("HTTP/1.1 502 Bad Gateway", failure);
        Assert.Contains("application/problem+json", failure);
        Assert.Contains("\"code\":\"upstream_connection_refused\"", failure);
    }

    [Fact]
    public async Task A_demo_beside_another_demo_takes_free_ports()
    {
        await using var first = Product.Start("demo");
        var firstLine = await first.LineAsync("/hello");
        await using var second = Product.Start("demo");
        var secondLine = await second.LineAsync("/hello");

        Assert.NotEqual(firstLine, secondLine);
        Assert.Contains("Hello from upstream", await Shell.RunAsync(firstLine));
        Assert.Contains("Hello from upstream", await Shell.RunAsync(secondLine));
    }

    [Fact]
    public async Task Interrupted_demo_exits_with_0_and_leaves_no_file()
    {
        await using var demo = Product.Start("demo");
        var file = (await demo.LineAsync("served from")).Split(' ')[^1];
        Assert.True(File.Exists(file));
        await demo.LineAsync("/broken");

        await demo.SignalAsync("INT");

        Assert.Equal(0, await demo.ExitAsync());
        Assert.False(Directory.Exists(Path.GetDirectoryName(file)));
    }
}
