using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>A real server of another make, as one process of the operating system that can be stopped, woken and killed.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly string _folder;
    private readonly string _program;
    private readonly string[] _arguments;
    private Process _process;

    private ServerProcess(string folder, int port, string program, string[] arguments)
    {
        (_folder, Port, _program, _arguments) = (folder, port, program, arguments);
        _process = Start();
    }

    public int Port { get; }

    public string Address => $"http://127.0.0.1:{Port}/";

    /// <summary>nginx that answers 200 `nginx` to everything.</summary>
    public static Task<ServerProcess> NginxAsync() => StartAsync(
        "nginx", folder => ["-p", folder, "-c", "server.conf", "-e", "error.log"], """
        daemon off; master_process off; pid nginx.pid;
        events { worker_connections 512; }
        http {
          access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
          server { listen 127.0.0.1:PORT; location / { return 200 nginx; } }
        }
        """);

    /// <summary>nginx that answers 200 `nginx` to everything, in HTTP/2 alone and without WebSockets over it.</summary>
    public static Task<ServerProcess> NginxHttp2Async() => StartAsync(
        "nginx", folder => ["-p", folder, "-c", "server.conf", "-e", "error.log"], """
        daemon off; master_process off; pid nginx.pid;
        events { worker_connections 512; }
        http {
          access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
          server { listen 127.0.0.1:PORT http2; location / { return 200 nginx; } }
        }
        """);

    /// <summary>nginx as a proxy before <paramref name="target"/>, in HTTP/2 alone; it ends a connection after so many requests.</summary>
    public static Task<ServerProcess> NginxHttp2BeforeAsync(Uri target, int requests) => StartAsync(
        "nginx", folder => ["-p", folder, "-c", "server.conf", "-e", "error.log"], $$"""
        daemon off; master_process off; pid nginx.pid;
        events { worker_connections 512; }
        http {
          access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
          keepalive_requests {{requests}};
          server { listen 127.0.0.1:PORT http2; location / { proxy_pass http://{{target.Authority}}; proxy_http_version 1.1; } }
        }
        """);

    /// <summary>haproxy that answers 200 `haproxy` to everything.</summary>
    public static Task<ServerProcess> HaproxyAsync() => StartAsync(
        "haproxy", folder => ["-db", "-f", Path.Combine(folder, "server.conf")], """
        defaults
          mode http
          timeout client 30s
        frontend all
          bind 127.0.0.1:PORT
          http-request return status 200 content-type text/plain string haproxy

        """);

    /// <summary>Caddy that answers 200 `caddy` to everything.</summary>
    public static Task<ServerProcess> CaddyAsync() => StartCaddyAsync("respond caddy");

    /// <summary>Caddy as a proxy before <paramref name="target"/>.</summary>
    public static Task<ServerProcess> CaddyBeforeAsync(Uri target) =>
        StartCaddyAsync($"reverse_proxy {target.Authority} {{\n flush_interval -1\n header_up Host {{host}}\n }}");

    /// <summary>nginx as a proxy before <paramref name="target"/>, on connections that it keeps; it counts their requests.</summary>
    public static Task<ServerProcess> NginxBeforeAsync(Uri target) => StartAsync(
        "nginx", folder => ["-p", folder, "-c", "server.conf", "-e", "error.log"], $$"""
        daemon off; master_process off; pid nginx.pid;
        events { worker_connections 512; }
        http {
          access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
          client_max_body_size 0;
          map $http_upgrade $connection_toward { default upgrade; '' ''; }
          upstream next { server {{target.Authority}}; keepalive 8; }
          server {
            listen 127.0.0.1:PORT;
            location / {
              proxy_pass http://next; proxy_http_version 1.1; proxy_buffering off; proxy_request_buffering off;
              proxy_set_header Host $host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_toward;
              add_header X-On-Connection $connection_requests always;
            }
          }
        }
        """);

    /// <summary>haproxy as a proxy before <paramref name="target"/>; it tells a connection's first request from the others.</summary>
    public static Task<ServerProcess> HaproxyBeforeAsync(Uri target) => StartAsync(
        "haproxy", folder => ["-db", "-f", Path.Combine(folder, "server.conf")], $$"""
        defaults
          mode http
          timeout client 60s
          timeout server 60s
          timeout connect 5s
          timeout tunnel 60s
          http-reuse always
        frontend all
          bind 127.0.0.1:PORT
          http-request set-var(txn.first) http_first_req
          http-response set-header X-On-Connection 1 if { var(txn.first) -m bool }
          http-response set-header X-On-Connection 2 unless { var(txn.first) -m bool }
          default_backend next
        backend next
          server next {{target.Authority}}

        """);

    /// <summary>haproxy before <paramref name="target"/>, which it speaks to without TLS.</summary>
    /// <param name="bind">What its own listener does, such as `ssl crt PATH alpn h2`.</param>
    /// <param name="server">What its destination takes, such as `proto h2`.</param>
    public static Task<ServerProcess> HaproxyBetweenAsync(Uri target, string bind, string server) => StartAsync(
        "haproxy", folder => ["-db", "-f", Path.Combine(folder, "server.conf")], $$"""
        defaults
          mode http
          timeout client 60s
          timeout server 60s
          timeout connect 5s
        frontend all
          bind 127.0.0.1:PORT {{bind}}
          default_backend next
        backend next
          server next {{target.Authority}} {{server}}

        """);

    /// <summary>The process hangs: it takes connections and answers nothing.</summary>
    public Task StopAsync() => _process.SignalAsync("STOP");

    public Task WakeAsync() => _process.SignalAsync("CONT");

    public Task KillAsync() => _process.EndAsync();

    /// <summary>Starts again on the same port.</summary>
    public Task RestartAsync()
    {
        _process.Dispose();
        _process = Start();
        return ListensAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static Task<ServerProcess> StartCaddyAsync(string does) => StartAsync(
        "caddy", folder => ["run", "--config", Path.Combine(folder, "server.conf"), "--adapter", "caddyfile"], $$"""
        {
          admin off
          storage file_system FOLDER
        }
        http://:PORT {
          bind 127.0.0.1
          {{does}}
        }

        """);

    private static async Task<ServerProcess> StartAsync(string program, Func<string, string[]> arguments, string configuration)
    {
        var folder = Directory.CreateTempSubdirectory("edgeproxy-test-").FullName;
        var port = FreePort();
        var text = configuration.Replace("PORT", port.ToString(System.Globalization.CultureInfo.InvariantCulture))
            .Replace("FOLDER", folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "server.conf"), text);
        var server = new ServerProcess(folder, port, program, arguments(folder));
        await server.ListensAsync();
        return server;
    }

    private Process Start() => Process.Start(new ProcessStartInfo(_program, _arguments)
    {
        RedirectStandardError = true,
        RedirectStandardOutput = true,
        Environment = { ["HOME"] = _folder, ["XDG_CONFIG_HOME"] = _folder, ["XDG_DATA_HOME"] = _folder }, // where Caddy keeps things
    })!;

    private Task ListensAsync() => Wait.UntilAsync(async () =>
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, Port);
            return true;
        }
        catch (SocketException) when (!_process.HasExited)
        {
            return false;
        }
    }, $"{_program} listens");

    /// <summary>Below those that the system hands out: nobody is given it in the time until the server has it.</summary>
    private static int FreePort()
    {
        while (true)
        {
            var port = System.Security.Cryptography.RandomNumberGenerator.GetInt32(15_000, 32_000);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken: another one.
            }
        }
    }
}
