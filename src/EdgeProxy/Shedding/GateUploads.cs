using EdgeProxy.Clients;
using EdgeProxy.Configuration;

namespace EdgeProxy.Shedding;

/// <summary>
/// The requests inside a gate whose bodies still arrive. While others wait, a client may hold a share of the gate with bodies that it does
/// not send on; beyond that the upload whose client was waited for longest gives way. Time comes with each call.
/// </summary>
internal sealed class GateUploads
{
    /// <summary>An upload is slow when its client is waited for now, and has been for so long in all.</summary>
    public static readonly TimeSpan Slow = TimeSpan.FromSeconds(1);

    /// <summary>How often all uploads are looked at, however many requests want to enter.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly Lock _changing = new();
    private readonly HashSet<GateUpload> _inside = [];
    private TimeSpan _lookedAt = TimeSpan.MinValue;
    private volatile int _leaving;

    /// <summary>Uploads that were told to give way and are still inside: so many places are about to be free.</summary>
    public int Leaving => _leaving;

    public bool IsEmpty
    {
        get
        {
            lock (_changing)
            {
                return _inside.Count == 0;
            }
        }
    }

    /// <summary>A request has entered the gate. Null: it has no body, and nothing is to be told when it leaves.</summary>
    public GateUpload? Enter(EdgeContext edge)
    {
        if (edge.ReceivedBody is not { } body)
        {
            return null;
        }

        var upload = new GateUpload(edge.Client, body);
        lock (_changing)
        {
            _inside.Add(upload);
        }

        return upload;
    }

    /// <summary>Before the request leaves the gate.</summary>
    public void Leave(GateUpload? upload)
    {
        if (upload is not null)
        {
            lock (_changing)
            {
                _inside.Remove(upload);
                _leaving -= upload.IsLeaving ? 1 : 0;
            }
        }
    }

    /// <summary>Has an upload of another client give way, if that client holds more than its share with slow ones.</summary>
    /// <param name="asker">The client of a request that waits.</param>
    /// <param name="waiting">Requests that wait: no more places are made free than that.</param>
    public void MakeRoom(Client asker, ConcurrencySettings bounds, int waiting, TimeSpan now)
    {
        if (bounds.UploadsMax is { } share && Choose(asker, share, waiting, now) is { } upload)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static body => body.GiveWay(), upload.Body, preferLocal: false);
        }
    }

    private GateUpload? Choose(Client asker, int share, int waiting, TimeSpan now)
    {
        lock (_changing)
        {
            if (_inside.Count <= share || _leaving >= waiting || now - Pause < _lookedAt)
            {
                return null;
            }

            _lookedAt = now;
            var slow = _inside.Where(upload => !upload.IsLeaving && upload.Client != asker)
                .Select(upload => (Upload: upload, Waited: upload.Body.WaitedForClient))
                .Where(row => row.Waited >= Slow)
                .GroupBy(row => row.Upload.Client)
                .MaxBy(rows => rows.Count());
            if (slow is null || slow.Count() <= share)
            {
                return null;
            }

            var chosen = slow.MaxBy(row => row.Waited).Upload;
            chosen.IsLeaving = true;
            _leaving++;
            return chosen;
        }
    }
}

/// <summary>A request inside a gate whose body arrives.</summary>
internal sealed class GateUpload(Client client, IReceivedBody body)
{
    public Client Client => client;

    public IReceivedBody Body => body;

    /// <summary>It was told to give way. Under the lock of <see cref="GateUploads"/>.</summary>
    public bool IsLeaving { get; set; }
}
