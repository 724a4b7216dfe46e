using System.Net.Security;
using System.Security.Cryptography;
using EdgeProxy.Configuration;

namespace EdgeProxy.Tls;

/// <summary>
/// The certificates in use, by listener. Handshakes read them without a lock; <see cref="CertificateWorker"/> replaces them.
/// </summary>
internal sealed partial class CertificateStore(Revisions revisions, ReloadStatus status, ILogger<CertificateStore> logger)
{
    private static readonly List<SslApplicationProtocol> Http1 = [SslApplicationProtocol.Http11];
    private static readonly List<SslApplicationProtocol> Http2 = [SslApplicationProtocol.Http2];
    private static readonly List<SslApplicationProtocol> Both = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11];

    /// <summary>One place a listener, null for those without TLS.</summary>
    private readonly CertificateSet?[] _sets = LoadAll(revisions.First.Edge);

    /// <summary>What was last tried for a listener, so that a broken file is reported once.</summary>
    private readonly string?[] _tried = new string?[revisions.First.Edge.Listen.Length];

    /// <summary>Why the files of a listener are not in use; null when they are.</summary>
    private readonly string?[] _obstacles = new string?[revisions.First.Edge.Listen.Length];

    /// <summary>The set that handshakes of a listener use; the place is the one in `Edge.Listen`.</summary>
    public CertificateSet At(int listener) => Volatile.Read(ref _sets[listener])!;

    /// <summary>For each https listener: its place, its address, and when the first of the certificates in use ends.</summary>
    public IEnumerable<(int Place, string Url, DateTimeOffset End)> Ends() => _sets.Index()
        .Where(set => set.Item is not null)
        .Select(set => (set.Index, revisions.First.Edge.Listen[set.Index].Url, At(set.Index).Ends));

    public static bool IsTls(ListenerOptions listener) =>
        BindingAddress.Parse(listener.Url).Scheme.Equals(Uri.UriSchemeHttps, StringComparison.OrdinalIgnoreCase);

    /// <summary>Why the listeners of <paramref name="edge"/> cannot be opened; null when they can.</summary>
    public static string? Obstacle(EdgeOptions edge)
    {
        try
        {
            LoadAll(edge);
            return null;
        }
        catch (Exception exception) when (IsBrokenFile(exception))
        {
            return exception.Message;
        }
    }

    /// <summary>Takes certificates whose files have changed. One that cannot be used leaves those of its listener in use.</summary>
    public void Refresh()
    {
        var listeners = revisions.Current.Edge.Listen;
        for (var i = 0; i < _sets.Length; i++)
        {
            try
            {
                if (_sets[i] is { } set)
                {
                    Refresh(i, listeners[i], set);
                }
            }
            catch (IOException exception) when (Descriptors.AreMissing(exception))
            {
                return; // the files are as they were, for all that is known
            }
        }

        var obstacles = _obstacles.OfType<string>().ToList();
        status.CertificateWarning = obstacles.Count == 0 ? null : string.Join("; ", obstacles);
    }

    private void Refresh(int place, ListenerOptions listener, CertificateSet set)
    {
        var hash = CertificateSet.HashOf(listener.Certificates);
        if (hash == set.Hash)
        {
            _tried[place] = null; // mended by putting back what is in use
            _obstacles[place] = null;
            return;
        }

        if (hash == _tried[place])
        {
            return;
        }

        _tried[place] = hash;
        try
        {
            Volatile.Write(ref _sets[place], CertificateSet.Load(listener.Certificates, ProtocolsOf(listener)));
            _obstacles[place] = null;
            LogTaken(logger, listener.Url);
        }
        catch (IOException exception) when (Descriptors.AreMissing(exception))
        {
            _tried[place] = null;
            throw;
        }
        catch (Exception exception) when (IsBrokenFile(exception))
        {
            _obstacles[place] = $"{listener.Url} goes on with its old certificates: {exception.Message}";
            LogKept(logger, listener.Url, exception.Message);
        }
    }

    private static CertificateSet?[] LoadAll(EdgeOptions edge) =>
        [.. edge.Listen.Select(l => IsTls(l) ? CertificateSet.Load(l.Certificates, ProtocolsOf(l)) : null)];

    private static List<SslApplicationProtocol> ProtocolsOf(ListenerOptions listener) => listener.Protocols switch
    {
        ListenerProtocols.Http1 => Http1,
        ListenerProtocols.Http2 => Http2,
        _ => Both,
    };

    private static bool IsBrokenFile(Exception exception) =>
        exception is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;

    [LoggerMessage(Level = LogLevel.Information, Message = "New certificates for {Listener}")]
    private static partial void LogTaken(ILogger logger, string listener);

    [LoggerMessage(Level = LogLevel.Error, Message = "New certificates for {Listener} cannot be used, the old ones stay: {Reason}")]
    private static partial void LogKept(ILogger logger, string listener, string reason);
}
