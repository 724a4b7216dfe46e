using System.Net;
using System.Net.Sockets;
using EdgeProxy.Connections;

namespace EdgeProxy.Configuration;

/// <summary>
/// Listeners change at the next start only. Whether they can be bound is tried when they are written: at the start it would be too late.
/// </summary>
internal static class ListenerTrial
{
    /// <summary>Warnings for listeners of <paramref name="wanted"/> that are not running and cannot be bound.</summary>
    public static IEnumerable<Fault> Run(Revision wanted, EdgeOptions running)
    {
        var bound = AddressesOf(running).Select(listener => listener.EndPoint).ToList();
        foreach (var (setting, endpoint) in AddressesOf(wanted.Edge))
        {
            // What overlaps a running listener is free once that one is gone.
            if (bound.Exists(own => own.Equals(endpoint) || ListenAddresses.Overlap(own, endpoint)) || Try(endpoint) is not { } reason)
            {
                continue;
            }

            var place = StartOnlySettings.PlaceOf(setting, wanted);
            yield return new Fault(
                FaultSeverity.Warning, FaultCodes.CannotListen, place.File, place.Line, place.Column, "$." + setting,
                $"the next start would fail: {endpoint} cannot be bound: {reason}");
        }
    }

    private static IEnumerable<(string Setting, IPEndPoint EndPoint)> AddressesOf(EdgeOptions edge) =>
        edge.Listen.Select(listener => (StartOnlySettings.Listen, listener.Url)).Append((StartOnlySettings.Admin, edge.Admin.Listen))
            .Select(listener => (listener.Item1, ListenAddresses.EndPointOf(BindingAddress.Parse(listener.Item2))));

    private static string? Try(IPEndPoint endpoint)
    {
        try
        {
            using var socket = ListenSockets.Bind(endpoint);
            return null;
        }
        catch (Exception exception) when (exception is SocketException or IOException)
        {
            return exception.GetBaseException().Message.ToLowerInvariant();
        }
    }
}
