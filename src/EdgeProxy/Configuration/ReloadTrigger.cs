namespace EdgeProxy.Configuration;

/// <summary>What to do about the files as they look now.</summary>
internal enum ReloadStep
{
    /// <summary>Nothing has changed that has not been dealt with.</summary>
    Idle,

    /// <summary>The files are as the active revision again, after others were refused.</summary>
    Restored,

    /// <summary>A file is gone and may come back, or more changes may follow: look again soon.</summary>
    Wait,

    Read,
}

/// <summary>
/// Decides from what the files hold when they are worth reading and when their faults are worth reporting. Knows no clock
/// and no disk: it is told the time that has passed since the process began.
/// </summary>
/// <param name="started">Names of the files that the process began with: one that goes before the first look is waited for too.</param>
internal sealed class ReloadTrigger(IEnumerable<string>? started = null)
{
    /// <summary>How long a file of a folder must stay away to count as removed.</summary>
    public static readonly TimeSpan RemovedAfter = TimeSpan.FromSeconds(5);

    /// <summary>How long faulty files must stay as they are before they are reported: they may be half written.</summary>
    public static readonly TimeSpan QuietFor = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a folder of several files must stay as it is before it is read: a change may span more than one of them.</summary>
    public static readonly TimeSpan SettleFor = TimeSpan.FromMilliseconds(300);

    /// <summary>How long changes that follow each other are waited for; then what is there is read.</summary>
    public static readonly TimeSpan SettleMax = TimeSpan.FromSeconds(3);

    private readonly Dictionary<string, TimeSpan> _missingSince = new(StringComparer.Ordinal);
    private string[] _expected = [.. started ?? []];
    private SourceSnapshot? _accepted;
    private string? _refused;
    private string? _pending;
    private TimeSpan _pendingSince;
    private TimeSpan _changingSince;

    public ReloadStep Observe(SourceSnapshot seen, TimeSpan now)
    {
        var missing = IsFileMissing(seen, now);
        if (seen.Hash == _accepted?.Hash || seen.Hash == _refused)
        {
            _pending = null;
            return seen.Hash != _refused && _refused is not null ? ReloadStep.Restored : ReloadStep.Idle;
        }

        if (_pending is null)
        {
            _changingSince = now;
        }

        if (seen.Hash != _pending)
        {
            _pending = seen.Hash;
            _pendingSince = now;
        }

        return missing || IsSettling(seen, now) ? ReloadStep.Wait : ReloadStep.Read;
    }

    /// <summary>Names of files that the active revision came from and that <paramref name="seen"/> has no more.</summary>
    public IEnumerable<string> Gone(SourceSnapshot seen) =>
        _expected.Except(seen.Files.Select(file => file.Name));

    /// <summary>Whether the content last observed has stood long enough for its faults to be meant.</summary>
    public bool IsQuiet(TimeSpan now) => now - _pendingSince >= QuietFor;

    /// <summary>The active revision is what <paramref name="snapshot"/> holds.</summary>
    public void Accepted(SourceSnapshot snapshot)
    {
        _accepted = snapshot;
        _expected = [.. snapshot.Files.Select(file => file.Name)];
        _refused = null;
        _missingSince.Clear();
    }

    /// <summary>The faults of <paramref name="snapshot"/> have been reported.</summary>
    public void Refused(SourceSnapshot snapshot) => _refused = snapshot.Hash;

    /// <summary>The files are to be read whatever was made of them before.</summary>
    public void Forget() => (_accepted, _refused, _pending) = (null, null, null);

    /// <summary>The first look has nothing before it, and one file changes alone.</summary>
    private bool IsSettling(SourceSnapshot seen, TimeSpan now) =>
        _accepted is not null && seen.Files.Length > 1 && now - _pendingSince < SettleFor && now - _changingSince < SettleMax;

    private bool IsFileMissing(SourceSnapshot seen, TimeSpan now)
    {
        var waiting = false;
        foreach (var name in _expected)
        {
            if (seen.Files.Any(other => other.Name == name))
            {
                _missingSince.Remove(name);
            }
            else if (!_missingSince.TryAdd(name, now))
            {
                waiting |= now - _missingSince[name] < RemovedAfter;
            }
            else
            {
                waiting = true;
            }
        }

        // Nothing left at all is no removal but a fault, and is not waited for.
        return waiting && seen.Files.Length > 0;
    }
}
