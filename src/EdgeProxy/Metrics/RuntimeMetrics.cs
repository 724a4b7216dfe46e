using System.Collections.Frozen;
using System.Diagnostics.Metrics;

namespace EdgeProxy.Metrics;

/// <summary>How a foreign instrument is shown.</summary>
internal sealed record ShownAs(string Name, string Help, bool WithLabels = true);

/// <summary>Instruments of the runtime under names that Prometheus takes. What is not listed is not shown.</summary>
internal static class RuntimeMetrics
{
    private static readonly FrozenDictionary<string, ShownAs> Shown = new Dictionary<string, ShownAs>
    {
        ["dotnet.assembly.count"] = new("dotnet_assemblies", "Assemblies that are loaded."),
        // Its label is the name of an exception's type: an open set.
        ["dotnet.exceptions"] = new("dotnet_exceptions_total", "Exceptions thrown.", WithLabels: false),
        ["dotnet.gc.collections"] = new("dotnet_gc_collections_total", "Garbage collections by generation."),
        ["dotnet.gc.heap.total_allocated"] = new("dotnet_gc_allocated_bytes_total", "Bytes allocated on the managed heap."),
        ["dotnet.gc.last_collection.heap.fragmentation.size"] =
            new("dotnet_gc_heap_fragmentation_bytes", "Fragmentation of the heap after the last collection, by generation."),
        ["dotnet.gc.last_collection.heap.size"] =
            new("dotnet_gc_heap_size_bytes", "Size of the heap after the last collection, by generation."),
        ["dotnet.gc.last_collection.memory.committed_size"] =
            new("dotnet_gc_committed_bytes", "Memory committed by the collector at the last collection."),
        ["dotnet.gc.pause.time"] = new("dotnet_gc_pause_seconds_total", "Time for which collections paused the process."),
        ["dotnet.jit.compilation.time"] = new("dotnet_jit_compilation_seconds_total", "Time spent in just-in-time compilation."),
        ["dotnet.jit.compiled_methods"] = new("dotnet_jit_compiled_methods_total", "Methods compiled just in time."),
        ["dotnet.monitor.lock_contentions"] = new("dotnet_lock_contentions_total", "Times that a thread had to wait for a lock."),
        ["dotnet.process.cpu.time"] = new("dotnet_cpu_seconds_total", "CPU time of the process by mode."),
        ["dotnet.thread_pool.queue.length"] = new("dotnet_thread_pool_queue_length", "Work items that wait for a thread."),
        ["dotnet.thread_pool.thread.count"] = new("dotnet_thread_pool_threads", "Threads of the pool."),
        ["dotnet.thread_pool.work_item.count"] = new("dotnet_thread_pool_work_items_total", "Work items the pool has done."),
        ["dotnet.timer.count"] = new("dotnet_timers", "Timers that are active."),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static ShownAs? Find(Instrument instrument) =>
        instrument.Meter.Name == "System.Runtime" ? Shown.GetValueOrDefault(instrument.Name) : null;
}
