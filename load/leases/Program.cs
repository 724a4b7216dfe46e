// Several edges on one Redis under load: what they admit beside what one bucket would.
// leases BINARY small|full [calm|paused|killed|clocks|clients]
using System.Globalization;
using Leases;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var binary = args[0];
var isFull = args[1] == "full";
var time = TimeSpan.FromSeconds(isFull ? 30 : 8);
var pause = TimeSpan.FromSeconds(isFull ? 10 : 3);
double[] loads = isFull ? [0.5, 2, 10] : [2];
bool Wants(string part) => args.Length < 3 || args[2] == part;

using var cluster = await Cluster.StartAsync(binary, [-0.5, 0, 0.5], isSkewed: false);
Console.WriteLine(Report.Head);
foreach (var load in Wants("calm") ? [0.5, 2, 10] : Array.Empty<double>())
{
    Console.WriteLine(await cluster.MeasureAsync("three nodes", load, time));
}

var waits = new List<string>();
foreach (var load in Wants("paused") ? loads : [])
{
    var before = await cluster.WaitsAsync();
    Dictionary<string, double>? after = null;
    Console.WriteLine(await cluster.MeasureAsync("Redis paused", load, time, bursts: 2, during: async () =>
    {
        await Cluster.PassAsync((time - pause) / 2);
        before = await cluster.WaitsAsync();
        cluster.Store.Signal("STOP");
        await Cluster.PassAsync(pause);
        after = await cluster.WaitsAsync();
        cluster.Store.Signal("CONT");
    }));
    waits.Add(Report.Waits($"Redis paused, {load}x", before, after!));
}

foreach (var load in Wants("killed") ? loads : [])
{
    Console.WriteLine(await cluster.MeasureAsync("a node killed every 5 s", load, time, during: () => cluster.KillAsync(time)));
}

if (Wants("clocks"))
{
    using var skewed = await Cluster.StartAsync(binary, [-0.5, 0, 0.5], isSkewed: true);
    foreach (var load in loads)
    {
        Console.WriteLine(await skewed.MeasureAsync("clocks " + skewed.Clocks, load, time));
    }
}

Console.WriteLine($"\n{Report.WaitHead}");
waits.ForEach(Console.WriteLine);
if (Wants("clients"))
{
    Console.WriteLine();
    Console.WriteLine(await cluster.RefuseAsync());
    Console.WriteLine(await cluster.CrowdAsync(isFull ? 200_000 : 50_000));
}
