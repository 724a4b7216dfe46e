using EdgeProxy.Clients;

namespace EdgeProxy.Resilience;

/// <summary>The clients that asked a cluster last, and when each did.</summary>
internal sealed class RecentClients
{
    private const int Most = 16;

    private readonly Lock _noting = new();
    private readonly List<(Client Client, TimeSpan At)> _clients = new(Most);

    public void Note(Client client, TimeSpan now)
    {
        lock (_noting)
        {
            var place = 0;
            for (var i = 0; i < _clients.Count; i++)
            {
                if (_clients[i].Client == client)
                {
                    _clients[i] = (client, now);
                    return;
                }

                place = _clients[i].At < _clients[place].At ? i : place;
            }

            if (_clients.Count < Most)
            {
                _clients.Add((client, now));
            }
            else
            {
                _clients[place] = (client, now);
            }
        }
    }

    /// <summary>The clients that have asked since then.</summary>
    public IReadOnlyList<Client> Since(TimeSpan then)
    {
        lock (_noting)
        {
            return [.. _clients.Where(known => known.At >= then).Select(known => known.Client)];
        }
    }
}
