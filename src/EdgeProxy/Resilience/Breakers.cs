using System.Collections.Concurrent;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>
/// The breakers of all clusters and destinations: hears how attempts went, opens and closes, and says so once a change. While all are
/// closed it costs an attempt one exchange of a number; a lock is taken, a cluster's own, when something fails or is being probed.
/// </summary>
internal sealed class Breakers(
    IServiceProvider services, BreakerMetrics metrics, TimeProvider time, Random random, ILogger<Breakers> logger) : IDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<ClusterState, ClusterRuntime> _watched = new();
    private readonly BreakerTransitions _transitions = new(metrics, time, logger);
    private readonly CountedCauses _counted = new();
    private readonly Lock _timing = new();
    private ITimer? _timer;

    public TimeSpan Now => time.GetElapsedTime(0);

    /// <summary>How an attempt went. Once for each pass; a pass that is left without a report gives no verdict.</summary>
    /// <param name="failure">Which failure it was, for people; null when it was none.</param>
    /// <param name="cause">Why there was no answer.</param>
    public AttemptPass Report(AttemptPass pass, Verdict verdict, string? failure, Exception? cause = null)
    {
        if (pass.Circuit is not { } circuit || pass.IsReported)
        {
            return pass;
        }

        FailureRow? endedRow = null;
        verdict = verdict == Verdict.Unreachable && !_counted.TryCount(cause) ? Verdict.None : verdict;
        if (pass.IsProbe)
        {
            EndProbe(pass, verdict, failure);
        }
        else if (circuit.Epoch == pass.Epoch && circuit.Settings.Enabled)
        {
            var now = Now;
            var client = verdict >= Verdict.Failure || circuit.AsksForClients ? pass.Caller : pass.KnownCaller;
            endedRow = circuit.Count(verdict, client, failure, now);
            if (verdict >= Verdict.Failure)
            {
                OpenIfDue(pass, now);
            }
        }

        return pass.Reported(endedRow);
    }

    /// <summary>The answer of an attempt that had been a success broke off, by the destination's fault.</summary>
    public void Break(AttemptPass pass)
    {
        if (pass.Circuit is not { } circuit || circuit.Epoch != pass.Epoch || !circuit.Settings.Enabled)
        {
            return;
        }

        if (pass.IsProbe)
        {
            EndProbe(pass, Verdict.HardFailure, AttemptEnd.ShortOfBytes);
            return;
        }

        var now = Now;
        circuit.Amend(now, pass.Caller, pass.EndedRow);
        OpenIfDue(pass, now);
    }

    /// <summary>The attempt has failed, or its answer has ended. Once for each pass.</summary>
    public void Leave(AttemptPass pass)
    {
        pass.Runtime?.Leave();
        if (pass is { IsProbe: true, IsReported: false })
        {
            EndProbe(pass, Verdict.None, null);
        }
    }

    /// <summary>Ends an attempt whose request goes on elsewhere: somebody may be waiting for the room at its destination.</summary>
    public void LeaveEarly(AttemptPass pass)
    {
        Leave(pass);
        if (pass.Cluster is { } cluster)
        {
            ClusterRuntime.Of(cluster).Gate?.AdmitWaiters();
        }
    }

    /// <summary>To be called when something in a cluster is no longer as usual: time is watched until all is.</summary>
    public void Watch(ClusterState cluster)
    {
        var runtime = ClusterRuntime.Of(cluster);
        runtime.IsTroubled = true;
        lock (_timing)
        {
            _watched[cluster] = runtime;
            _timer ??= time.CreateTimer(_ => Advance(), null, Step, Step);
        }
    }

    /// <summary>A probe of its health has found a destination well: if it is ejected since nothing was heard of it, that ends.</summary>
    public void Answered(ClusterState cluster, DestinationState destination)
    {
        if (!DestinationRuntime.Of(destination).Circuit.IsCutOff)
        {
            return; // nearly always: no lock
        }

        var runtime = ClusterRuntime.Of(cluster);
        lock (runtime.Changing)
        {
            var circuit = DestinationRuntime.Of(destination).Circuit; // as it is now: what opened it may be something else
            if (circuit is { IsCutOff: true, Breaker.State: BreakerState.Open })
            {
                var now = Now;
                circuit.Breaker.EndWait(now);
                circuit.Breaker.Advance(now);
                _transitions.Record(cluster, destination, circuit, "a probe of its health was answered", now);
                UpdateAvailable(cluster);
            }
        }
    }

    /// <summary>Closes the breaker of a destination, or a cluster's own, by an order.</summary>
    public void Close(ClusterState cluster, DestinationState? destination)
    {
        lock (ClusterRuntime.Of(cluster).Changing)
        {
            var circuit = destination is null ? ClusterRuntime.Of(cluster).Circuit : DestinationRuntime.Of(destination).Circuit;
            var (wasClosed, now) = (circuit.Breaker.State == BreakerState.Closed, Now);
            circuit.Close(now);
            if (!wasClosed)
            {
                _transitions.Record(cluster, destination, circuit, "ordered by the admin API", now);
                UpdateAvailable(cluster);
            }
        }
    }

    public void Dispose() => _timer?.Dispose();

    /// <summary>A failure was counted: is it the one too many?</summary>
    private void OpenIfDue(AttemptPass pass, TimeSpan now)
    {
        var circuit = pass.Circuit!;
        if (circuit.IsPutOff(now) || circuit.ReasonToOpen(now) is not { } reason)
        {
            return;
        }

        var cluster = ClusterRuntime.Of(pass.Cluster!);
        lock (cluster.Changing)
        {
            if (circuit.Epoch != pass.Epoch)
            {
                return;
            }

            var survey = DestinationSurvey.Of(pass.Cluster!, pass.Destination!, now);
            if (circuit.Breaker.State is BreakerState.Closed or BreakerState.Recovering
                && EjectionLimit.Allows(survey.Up, survey.Ejected, survey.SoundOthers, cluster.Settings.Ejection.MaxPercent))
            {
                Open(pass.Cluster!, pass.Destination, circuit, reason, now);
            }
            else if (survey.SoundOthers == 0 && cluster.Circuit.Breaker.State is BreakerState.Closed or BreakerState.Recovering)
            {
                Open(pass.Cluster!, null, cluster.Circuit, "no destination is left that works: " + reason, now, circuit);
                foreach (var destination in pass.Cluster!.DestinationsState.AvailableDestinations)
                {
                    DestinationRuntime.Of(destination).Circuit.Clear();
                }
            }
            else
            {
                circuit.PutOff(now);
            }
        }
    }

    private void EndProbe(AttemptPass pass, Verdict verdict, string? failure)
    {
        var circuit = pass.Circuit!;
        var cluster = ClusterRuntime.Of(pass.Cluster!);
        var isClusters = ReferenceEquals(circuit, cluster.Circuit);
        lock (cluster.Changing)
        {
            if (circuit.Epoch != pass.Epoch || circuit.Breaker.State != BreakerState.HalfOpen
                || (!isClusters && !ReferenceEquals(circuit, DestinationRuntime.Of(pass.Destination!).Circuit)))
            {
                return; // the latter: a reload has made another one
            }

            var now = Now;
            if (verdict < Verdict.Failure)
            {
                if (verdict != Verdict.None)
                {
                    circuit.Turns.Succeed(pass.Caller);
                }

                if (circuit.Breaker.EndProbe(verdict, now))
                {
                    circuit.Clear();
                    _transitions.Record(pass.Cluster!, isClusters ? null : pass.Destination, circuit, "its probes succeeded", now);
                }
            }
            else if (verdict != Verdict.Unreachable && !circuit.Turns.Fail(pass.Caller, cluster.Askers))
            {
                circuit.Breaker.EndProbe(Verdict.None, now); // one client's request of several: others are asked
            }
            else if (isClusters || DestinationSurvey.Of(pass.Cluster!, pass.Destination!, now).SoundOthers > 0)
            {
                circuit.Count(verdict, pass.Caller, failure, now); // whether it answered decides what may bring it back
                Open(pass.Cluster!, isClusters ? null : pass.Destination, circuit, "its probe failed: " + failure, now);
            }
            else
            {
                circuit.Breaker.EndProbe(Verdict.None, now);
                circuit.Breaker.ForgetSuccesses();
            }
        }
    }

    private void Open(
        ClusterState cluster, DestinationState? destination, Circuit circuit, string reason, TimeSpan now, Circuit? counted = null)
    {
        circuit.Open(reason, now, random.NextDouble(), counted);
        Watch(cluster);
        _transitions.Record(cluster, destination, circuit, reason, now);
        if (destination is not null)
        {
            UpdateAvailable(cluster);
        }
    }

    private void Advance()
    {
        var now = Now;
        foreach (var (cluster, runtime) in _watched)
        {
            lock (runtime.Changing)
            {
                if (runtime.Circuit.Breaker.Advance(now))
                {
                    _transitions.Record(cluster, null, runtime.Circuit, "its time was over", now);
                }

                var (steps, isTroubled) = (0, runtime.Circuit.Breaker.State != BreakerState.Closed);
                foreach (var (_, destination) in cluster.Destinations)
                {
                    var known = DestinationRuntime.Of(destination);
                    if (known.Circuit.Breaker.Advance(now))
                    {
                        steps++;
                        _transitions.Record(cluster, destination, known.Circuit, "its time was over", now);
                    }

                    isTroubled |= known.Circuit.Breaker.State != BreakerState.Closed || known.IsStarting(now, runtime.Settings.SlowStart);
                }

                runtime.IsTroubled = isTroubled;
                if (steps > 0)
                {
                    UpdateAvailable(cluster);
                }
            }

            if (!runtime.IsTroubled)
            {
                Unwatch(cluster, runtime);
            }
        }
    }

    private void Unwatch(ClusterState cluster, ClusterRuntime runtime)
    {
        lock (_timing)
        {
            if (runtime.IsTroubled)
            {
                return; // again, meanwhile
            }

            _watched.TryRemove(cluster, out _);
            if (_watched.IsEmpty)
            {
                _timer?.Dispose();
                _timer = null;
            }
        }
    }

    // The updater tells of destinations that join, and so depends on this.
    private void UpdateAvailable(ClusterState cluster) =>
        services.GetRequiredService<IClusterDestinationsUpdater>().UpdateAvailableDestinations(cluster);
}
