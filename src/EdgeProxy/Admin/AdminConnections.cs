using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace EdgeProxy.Admin;

/// <summary>
/// Bounds the connections to the admin listener. For one beyond the bound the idle one that has been open longest is closed: a scraper
/// that leaks its connections, or a port scan, neither uses up the process's descriptors nor keeps a probe out.
/// </summary>
internal sealed class AdminConnections(Descriptors descriptors) : IConnectionBound
{
    private static readonly object Key = new();

    private readonly Lock _lock = new();
    private readonly LinkedList<Open> _open = new(); // in the order in which they came

    public async ValueTask<bool> EnterAsync(ConnectionContext connection)
    {
        var open = new Open(connection);
        if (!TryEnter(open, out var leaves))
        {
            return false;
        }

        connection.Items[Key] = open;
        if (leaves is not null)
        {
            leaves.Connection.Abort(new ConnectionAbortedException("There are as many connections as may be open."));
            await leaves.Closed.Task; // its descriptor is this one's
        }

        return true;
    }

    public void Leave(ConnectionContext connection)
    {
        var open = (Open)connection.Items[Key]!;
        lock (_lock)
        {
            if (open.Place.List is not null)
            {
                _open.Remove(open.Place);
            }
        }

        open.Closed.TrySetResult();
    }

    /// <summary>Serves a request: its connection is not idle meanwhile.</summary>
    public static async Task ServeAsync(HttpContext context, RequestDelegate next)
    {
        var open = context.Features.Get<IConnectionItemsFeature>()?.Items.TryGetValue(Key, out var known) is true ? known as Open : null;
        if (open is null)
        {
            await next(context);
            return;
        }

        open.IsBusy = true;
        try
        {
            await next(context);
        }
        finally
        {
            open.IsBusy = false;
        }
    }

    private bool TryEnter(Open open, out Open? leaves)
    {
        lock (_lock)
        {
            leaves = null;
            if (_open.Count >= descriptors.Admin)
            {
                leaves = _open.FirstOrDefault(one => !one.IsBusy);
                if (leaves is null)
                {
                    return false;
                }

                _open.Remove(leaves.Place);
            }

            _open.AddLast(open.Place);
            return true;
        }
    }

    private sealed class Open
    {
        private volatile bool _isBusy;

        public Open(ConnectionContext connection)
        {
            Connection = connection;
            Place = new LinkedListNode<Open>(this);
        }

        public ConnectionContext Connection { get; }

        public LinkedListNode<Open> Place { get; }

        public TaskCompletionSource Closed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsBusy
        {
            get => _isBusy;
            set => _isBusy = value;
        }
    }
}
