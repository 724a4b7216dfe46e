using System.Net;
using DnsClient;
using EdgeProxy.Configuration;

namespace EdgeProxy.Upstreams;

/// <summary>
/// Looks names up: addresses with the system's resolver, hosts file and all; SRV records, which it does not know, with name servers. The
/// targets of an SRV name get the addresses that its response brings, else the system's.
/// </summary>
internal sealed class NameLookup(Revisions revisions)
{
    private static readonly TimeSpan ServerTimeout = TimeSpan.FromSeconds(2);

    private (NameOptions Options, LookupClient Client)? _client;

    /// <exception cref="Exception">Nothing was found, or nobody answered.</exception>
    public async Task<ResolvedName> FindAsync(NameKey name) => name.IsService
        ? await FindServiceAsync(name.Host)
        : ResolvedName.Of((await Dns.GetHostAddressesAsync(name.Host)).Select(address => new IPEndPoint(Plain(address), name.Port)));

    private async Task<ResolvedName> FindServiceAsync(string name)
    {
        var response = await Client().QueryAsync(name, QueryType.SRV);
        var records = response.Answers.SrvRecords().ToList();
        if (records.Count == 0)
        {
            return new ResolvedName([], []);
        }

        var first = records.Min(record => record.Priority);
        var targets = records.Where(record => record.Priority == first).Take(ResolvedName.Max).ToList();
        var given = response.Additionals.AddressRecords().ToLookup(record => record.DomainName.Value, StringComparer.OrdinalIgnoreCase);
        var found = new List<IPEndPoint>();
        foreach (var target in targets)
        {
            IPAddress[] addresses = [.. given[target.Target.Value].Select(record => record.Address)];
            if (addresses.Length == 0)
            {
                addresses = await Dns.GetHostAddressesAsync(target.Target.Value.TrimEnd('.'));
            }

            found.AddRange(addresses.Select(address => new IPEndPoint(Plain(address), target.Port)));
        }

        var seconds = Math.Max(1, targets.Min(record => record.InitialTimeToLive));
        return ResolvedName.Of(found) with { TimeToLive = TimeSpan.FromSeconds(seconds) };
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private LookupClient Client()
    {
        var options = revisions.Offered.Edge.Names;
        if (_client is not { } known || known.Options != options)
        {
            var settings = options.Servers.IsEmpty ? new LookupClientOptions() : new LookupClientOptions([.. options.Servers]);
            settings.UseCache = false;
            settings.Timeout = ServerTimeout;
            settings.Retries = 1;
            settings.ThrowDnsErrors = true;
            _client = known = (options, new LookupClient(settings));
        }

        return known.Client;
    }
}
