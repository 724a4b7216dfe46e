using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

/// <summary>YARP's source of routes and clusters: always a whole, checked revision. Hears from YARP what became of it.</summary>
internal sealed class RevisionConfigProvider(Revisions revisions, TimeProvider time) : IProxyConfigProvider, IConfigChangeListener
{
    /// <summary>
    /// YARP keeps the endpoint of a route whose own keys did not change. With the revision in the route's metadata every
    /// endpoint is made anew, and carries the settings that YARP does not know of. (It also makes a changed
    /// MaxRequestBodySize count, which YARP leaves out when it compares routes.)
    /// </summary>
    private const string RevisionKey = "edgeproxy.revision";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private volatile RevisionConfig _config = new(revisions.Offered);
    private volatile TaskCompletionSource<Exception?>? _outcome;

    public IProxyConfig GetConfig() => _config;

    /// <summary>
    /// Makes YARP apply <paramref name="revision"/> and activates it. Null: done, requests are routed by it; else why YARP
    /// refused it, and the active revision goes on. One call at a time.
    /// </summary>
    public async Task<Exception?> ApplyAsync(Revision revision)
    {
        var refusal = await OfferAsync(revision);
        if (refusal is not null)
        {
            // YARP may have taken a part before it failed; giving it the active revision again brings it back.
            await OfferAsync(revisions.Current);
        }

        return refusal;
    }

    public void ConfigurationLoadingFailed(IProxyConfigProvider configProvider, Exception exception) =>
        _outcome?.TrySetResult(exception);

    public void ConfigurationLoaded(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
    }

    public void ConfigurationApplyingFailed(IReadOnlyList<IProxyConfig> proxyConfigs, Exception exception)
    {
        if (IsOffered(proxyConfigs))
        {
            _outcome?.TrySetResult(exception);
        }
    }

    /// <summary>Called when the route table has been swapped.</summary>
    public void ConfigurationApplied(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
        if (IsOffered(proxyConfigs))
        {
            revisions.Activate();
            _outcome?.TrySetResult(null);
        }
    }

    /// <summary>YARP has taken what was offered last, and not the one before once more, as when the addresses of a name change.</summary>
    private bool IsOffered(IReadOnlyList<IProxyConfig> taken)
    {
        var routes = _config.Routes;
        return taken.Any(config => ReferenceEquals(config.Routes, routes)); // YARP puts its own around ours, with our routes
    }

    private async Task<Exception?> OfferAsync(Revision revision)
    {
        var outcome = new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously);
        _outcome = outcome;
        revisions.Offer(revision);
        var previous = _config;
        _config = new RevisionConfig(revision);
        try
        {
            previous.SignalChange();
            return await outcome.Task.WaitAsync(Patience, time);
        }
        catch (TimeoutException exception)
        {
            return exception;
        }
    }

    [SuppressMessage("Design", "CA1001", Justification = "A source without a timer holds nothing to release.")]
    private sealed class RevisionConfig : IProxyConfig
    {
        private readonly CancellationTokenSource _changed = new();

        public RevisionConfig(Revision revision)
        {
            RevisionId = revision.Id;
            var stamp = new Dictionary<string, string> { [RevisionKey] = revision.Hash };
            Routes = [.. revision.ProxyRoutes.Select(route => route with { Metadata = Stamped(route.Metadata, stamp) })];
            Clusters = revision.ProxyClusters;
            ChangeToken = new CancellationChangeToken(_changed.Token);
        }

        public string RevisionId { get; }

        public IReadOnlyList<RouteConfig> Routes { get; }

        public IReadOnlyList<ClusterConfig> Clusters { get; }

        public IChangeToken ChangeToken { get; }

        public void SignalChange() => _changed.Cancel();

        private static Dictionary<string, string> Stamped(
            IReadOnlyDictionary<string, string>? metadata, Dictionary<string, string> stamp) =>
            metadata is null or { Count: 0 } ? stamp : new Dictionary<string, string>(metadata) { [RevisionKey] = stamp[RevisionKey] };
    }
}
