using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Upstreams;

/// <summary>
/// The names of destinations and what they stand for. What a name stood for last holds until it is found to stand for something else: a
/// name service that fails, or knows the name no more, changes nothing.
/// </summary>
/// <param name="find">Looks one name up.</param>
[SuppressMessage("Design", "CA1001", Justification = "A source without a timer and a semaphore without a handle hold nothing to release.")]
internal sealed partial class NameTable(Func<NameKey, Task<ResolvedName>> find, TimeProvider time, ILogger<NameTable> logger)
{
    /// <summary>Lookups at once: the system's resolver holds a thread for each.</summary>
    private const int LookupsMax = 4;

    private readonly ConcurrentDictionary<string, Entry> _names = new(StringComparer.OrdinalIgnoreCase);
    private readonly SemaphoreSlim _lookups = new(LookupsMax);
    private CancellationTokenSource _changed = new();

    /// <summary>Fires when some name stands for something else than <see cref="ShowAsync"/> has returned last.</summary>
    public IChangeToken Changed => new CancellationChangeToken(Volatile.Read(ref _changed).Token);

    /// <summary>What the name stood for last; null when that was never found out.</summary>
    public ResolvedName? Known(string name) => _names.TryGetValue(name, out var entry) ? entry.Known : null;

    /// <summary>The same, after a first lookup that takes at most <paramref name="patience"/>; what is returned counts as seen.</summary>
    public async ValueTask<ResolvedName?> ShowAsync(NameKey name, TimeSpan patience)
    {
        var entry = EntryOf(name);
        if (entry.Known is null && !entry.HasBeenTried)
        {
            await Begin(entry).WaitAsync(patience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return entry.Shown = entry.Known;
    }

    /// <summary>Looks up again what is due, forgets all names but <paramref name="inUse"/>, and says when something has changed.</summary>
    public void Refresh(IReadOnlySet<NameKey> inUse, TimeSpan period)
    {
        var now = time.GetElapsedTime(0);
        var hasNews = false;
        foreach (var (key, entry) in _names)
        {
            if (!inUse.Contains(entry.Name))
            {
                _names.TryRemove(key, out _);
                continue;
            }

            if (now - entry.TriedAt >= (entry.Known?.TimeToLive ?? period))
            {
                _ = Begin(entry);
            }

            hasNews |= entry.Known != entry.Shown;
        }

        if (hasNews)
        {
            Interlocked.Exchange(ref _changed, new CancellationTokenSource()).Cancel();
        }
    }

    private Entry EntryOf(NameKey name) => _names.GetOrAdd(name.ToString(), static (_, key) => new Entry(key), name);

    /// <summary>One lookup of a name at a time: who comes later shares it.</summary>
    private Task Begin(Entry entry)
    {
        lock (entry)
        {
            if (entry.Running is { IsCompleted: false } running)
            {
                return running;
            }

            entry.TriedAt = time.GetElapsedTime(0);
            return entry.Running = LookUpAsync(entry);
        }
    }

    private async Task LookUpAsync(Entry entry)
    {
        await _lookups.WaitAsync();
        try
        {
            var found = await find(entry.Name);
            if (found.Endpoints.IsEmpty)
            {
                Fail(entry, "it stands for nothing");
                return;
            }

            if (entry.IsFailing)
            {
                entry.IsFailing = false;
                LogFound(logger, entry.Name);
            }

            entry.Known = found;
        }
        catch (Exception exception) // of a resolver of the system's or a name server's making: any
        {
            Fail(entry, exception.GetBaseException().Message);
        }
        finally
        {
            entry.HasBeenTried = true;
            _lookups.Release();
        }
    }

    /// <summary>Once for each time that it begins.</summary>
    private void Fail(Entry entry, string why)
    {
        if (!entry.IsFailing)
        {
            entry.IsFailing = true;
            LogFailing(logger, entry.Name, entry.Known is null ? "no address is known" : "its last addresses stay", why);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Name {Name} of a destination is not resolved, {What}: {Why}")]
    private static partial void LogFailing(ILogger logger, NameKey name, string what, string why);

    [LoggerMessage(Level = LogLevel.Information, Message = "Name {Name} of a destination is resolved again")]
    private static partial void LogFound(ILogger logger, NameKey name);

    private sealed class Entry(NameKey name)
    {
        private volatile ResolvedName? _known;
        private volatile ResolvedName? _shown;
        private volatile bool _hasBeenTried;

        public NameKey Name => name;

        public ResolvedName? Known
        {
            get => _known;
            set => _known = value;
        }

        public ResolvedName? Shown
        {
            get => _shown;
            set => _shown = value;
        }

        public bool HasBeenTried
        {
            get => _hasBeenTried;
            set => _hasBeenTried = value;
        }

        public bool IsFailing { get; set; }

        public TimeSpan TriedAt { get; set; }

        public Task? Running { get; set; }
    }
}
