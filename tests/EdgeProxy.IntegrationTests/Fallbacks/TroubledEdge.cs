using System.Net;
using System.Net.Sockets;
using EdgeProxy.IntegrationTests.Peers;

namespace EdgeProxy.IntegrationTests.Fallbacks;

/// <summary>A cluster that fails in one way, and an edge in front of it whose route has a fallback.</summary>
internal sealed class TroubledEdge : IAsyncDisposable
{
    private const string Head = "HTTP/1.1 200 OK\r\nX-Own: 1\r\nContent-Length: 8\r\n\r\n";

    private readonly Socket _taken = new(SocketType.Stream, ProtocolType.Tcp);

    private TroubledEdge(string kind)
    {
        _taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        Failing = RawUpstream.Start(async connection =>
        {
            while (await connection.ReadHeadAsync() is not null)
            {
                switch (kind)
                {
                    case "reset" or "open":
                        connection.Reset();
                        return;
                    case "rubbish":
                        await connection.SendAsync("rubbish\r\n\r\n");
                        return;
                    case "silent" or "late":
                        await connection.StayAsync();
                        return;
                    case "half" or "long":
                        await connection.SendAsync($"{(kind == "half" ? Head : Head.Replace("8", "80000"))}half");
                        return;
                    case "chunked":
                        await connection.SendAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                        return;
                    case "nothing":
                        await connection.SendAsync(Head);
                        return;
                    case "stalled":
                        await connection.SendAsync($"{Head}half");
                        await Task.Delay(TimeSpan.FromMilliseconds(900), TimeProvider.System);
                        await connection.SendAsync("more");
                        break;
                    default:
                        await connection.SendAsync($"HTTP/1.1 {kind} No\r\nX-Own: 1\r\nContent-Length: 2\r\n\r\nno");
                        break;
                }
            }
        });
        Kind = kind;
    }

    public static string[] Kinds { get; } = ["refused", "reset", "rubbish", "silent", "late", "503", "open", "no_destination"];

    public string Kind { get; }

    public RawUpstream Failing { get; }

    public Edge Edge { get; private set; } = null!;

    public Readings Readings { get; private set; } = null!;

    /// <summary>Label of the metric.</summary>
    public string Cause => Kind switch
    {
        "refused" or "reset" or "rubbish" or "half" or "nothing" or "chunked" => "transport",
        "silent" or "late" or "stalled" => "timeout",
        "503" => "status",
        _ => Kind,
    };

    /// <summary>Proxy-Status of an answer that came instead.</summary>
    public string ProxyStatus => Kind switch
    {
        "refused" => "edgeproxy; error=connection_refused; details=\"upstream_connection_refused\"",
        "reset" => "edgeproxy; error=connection_terminated; details=\"upstream_connection_reset\"",
        "rubbish" => "edgeproxy; error=http_protocol_error; details=\"upstream_protocol_error\"",
        "half" or "nothing" => "edgeproxy; error=http_response_incomplete; details=\"upstream_response_truncated\"",
        "silent" or "stalled" => "edgeproxy; error=http_response_timeout; details=\"upstream_response_timeout\"",
        "late" => "edgeproxy; error=http_response_timeout; details=\"deadline_exceeded\"",
        "open" => "edgeproxy; error=destination_unavailable; details=\"circuit_open\"",
        "no_destination" => "edgeproxy; error=destination_unavailable; details=\"no_healthy_destination\"",
        _ => $"edgeproxy; received-status={Kind}; details=\"fallback\"",
    };

    /// <param name="kind">One of <see cref="Kinds"/>, "half" or another way to begin an answer, or a status.</param>
    /// <param name="fallback">The route's `Fallback`, without braces.</param>
    /// <param name="other">Address of the cluster `other`.</param>
    /// <param name="route">More of the route, with a comma behind it; likewise the others.</param>
    /// <param name="more">More destinations, with a comma before them.</param>
    public static async Task<TroubledEdge> StartAsync(
        string kind, string fallback, string other = "", string route = "", string sections = "", string otherCluster = "",
        string cluster = "", string more = "")
    {
        var troubled = new TroubledEdge(kind);
        var address = kind == "refused" ? $"http://{troubled._taken.LocalEndPoint}/" : troubled.Failing.Address;
        var time = kind == "late" ? "\"Timeout\": \"400ms\", " : "";
        var state = kind == "no_destination" ? ", \"State\": \"Down\"" : "";
        var breaker = kind == "open" ? "\"ConsecutiveFailures\": 1, \"OpenFor\": \"1h\", \"OpenForMax\": \"1h\"" : "\"Enabled\": false";
        var perTry = kind is "silent" or "stalled" ? ", \"Timeouts\": { \"PerTry\": \"300ms\" }" : "";
        troubled.Edge = await Edge.StartAsync($$"""
            {{sections}}
            "ReverseProxy": {
              "Routes": {
                "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" }, {{time}}{{route}} "Fallback": { {{fallback}} } },
                "plain": { "ClusterId": "other", "Match": { "Path": "/plain" } } },
              "Clusters": {
                "up": { {{cluster}} "CircuitBreaker": { {{breaker}} }{{perTry}},
                  "Destinations": { "a": { "Address": "{{address}}"{{state}} }{{more}} } },
                "other": { "CircuitBreaker": { "Enabled": false }, {{otherCluster}}
                  "Destinations": { "b": { "Address": "{{(other.Length > 0 ? other : address)}}base/", "Host": "b.example" } } } }
            }
            """);
        if (kind == "open")
        {
            using var first = await troubled.Edge.Client.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/"), Wait.Deadline);
        }

        troubled.Readings = new Readings(troubled.Edge);
        return troubled;
    }

    /// <summary>How often a fallback of this kind has answered for this cause.</summary>
    public double Count(string kind) => Readings[$"edgeproxy_fallbacks_total{{route=all,kind={kind},cause={Cause}}}"];

    public async ValueTask DisposeAsync()
    {
        Readings?.Dispose();
        await Edge.DisposeAsync();
        await Failing.DisposeAsync();
        _taken.Dispose();
    }
}
