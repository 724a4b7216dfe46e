using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Reflection;

namespace EdgeProxy.Metrics;

/// <summary>The process as the kernel sees it, under the names that every Prometheus client uses, and which build it is.</summary>
internal sealed class ProcessMetrics
{
    public ProcessMetrics(IMeterFactory meters)
    {
        var meter = meters.CreateEdgeMeter();
        var started = new DateTimeOffset(Process.GetCurrentProcess().StartTime).ToUnixTimeMilliseconds() / 1000.0;
        meter.CreateObservableCounter("process_cpu_seconds_total", () => Environment.CpuUsage.TotalTime.TotalSeconds,
            description: "CPU time of the process, user and system.");
        meter.CreateObservableGauge("process_start_time_seconds", () => started,
            description: "When the process started, in seconds since 1970.");
        meter.CreateObservableGauge("process_resident_memory_bytes", () => Environment.WorkingSet,
            description: "Memory that is really in use.");
        meter.CreateObservableGauge("edgeproxy_build_info", Build(),
            description: "Always 1; the labels say which build this is.");
        if (OperatingSystem.IsLinux())
        {
            meter.CreateObservableGauge("process_open_fds", OpenFiles,
                description: "File descriptors that are open.");
            meter.CreateObservableGauge("process_max_fds", MaxOpenFiles,
                description: "File descriptors that may be open.");
        }
    }

    private static Func<Measurement<long>> Build()
    {
        // The SDK appends the commit to the version: 1.2.3+0a1b….
        var version = typeof(ProcessMetrics).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>();
        var parts = (version?.InformationalVersion ?? "").Split('+', 2);
        var build = new Measurement<long>(1, new("version", parts[0]), new("commit", parts.Length > 1 ? parts[1] : "unknown"));
        return () => build;
    }

    /// <summary>File descriptors that the process has open. On Linux.</summary>
    public static long OpenFiles() => Directory.EnumerateFileSystemEntries("/proc/self/fd").LongCount();

    /// <summary>File descriptors that the process may have open; infinity when nobody says.</summary>
    public static double MaxOpenFiles()
    {
        const string Name = "Max open files";
        if (!OperatingSystem.IsLinux())
        {
            return double.PositiveInfinity;
        }

        var line = File.ReadLines("/proc/self/limits").FirstOrDefault(line => line.StartsWith(Name, StringComparison.Ordinal)) ?? Name;
        var soft = line[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return double.TryParse(soft, CultureInfo.InvariantCulture, out var limit) ? limit : double.PositiveInfinity;
    }
}
