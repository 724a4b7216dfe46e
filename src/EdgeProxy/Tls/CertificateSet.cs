using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Configuration;

namespace EdgeProxy.Tls;

/// <summary>
/// The certificates of one listener, ready for handshakes. Immutable: new files make a new set. A name is looked up as the
/// certificates spell it, then with its first label replaced by `*`; the first certificate answers when none fits.
/// </summary>
internal sealed class CertificateSet
{
    private readonly FrozenDictionary<string, SslServerAuthenticationOptions> _byName;
    private readonly FrozenDictionary<string, SslServerAuthenticationOptions>.AlternateLookup<ReadOnlySpan<char>> _byPart;
    private readonly SslServerAuthenticationOptions _first;

    private CertificateSet(
        Dictionary<string, SslServerAuthenticationOptions> byName, SslServerAuthenticationOptions first, string hash, DateTimeOffset ends)
    {
        _byName = byName.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
        _byPart = _byName.GetAlternateLookup<ReadOnlySpan<char>>();
        _first = first;
        Hash = hash;
        Ends = ends;
    }

    /// <summary>Over the files' contents.</summary>
    public string Hash { get; }

    /// <summary>When the first of them ends, the certificates of their chains included.</summary>
    public DateTimeOffset Ends { get; }

    /// <summary>What to answer a client that asked for <paramref name="name"/>; empty when it asked for none.</summary>
    public SslServerAuthenticationOptions Select(string name)
    {
        if (name.Length == 0)
        {
            return _first;
        }

        name = name.EndsWith('.') ? name[..^1] : name; // of a client that should not have said so (RFC 6066, 3)
        if (_byName.TryGetValue(name, out var exact))
        {
            return exact;
        }

        var dot = name.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && _byPart.TryGetValue($"*{name.AsSpan(dot)}", out var wildcard) ? wildcard : _first;
    }

    /// <summary>Reads the PEM files. A file that cannot be read, or a key that does not fit, throws.</summary>
    public static CertificateSet Load(ImmutableArray<CertificateOptions> files, List<SslApplicationProtocol> protocols)
    {
        var hash = HashOf(files);
        var byName = new Dictionary<string, SslServerAuthenticationOptions>(StringComparer.OrdinalIgnoreCase);
        var ends = DateTimeOffset.MaxValue;
        SslServerAuthenticationOptions? first = null;
        foreach (var file in files)
        {
            var (certificate, chain) = Read(file);
            var options = new SslServerAuthenticationOptions
            {
                ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
                ApplicationProtocols = protocols,
            };
            first ??= options;
            ends = chain.Select(one => EndOf(one)).Append(EndOf(certificate)).Append(ends).Min();
            foreach (var name in NamesOf(certificate))
            {
                byName.TryAdd(name, options);
            }
        }

        return new CertificateSet(
            byName, first ?? throw new CryptographicException("an https listener needs a certificate"), hash, ends);
    }

    /// <summary>Over the files' contents; a file that cannot be read counts as empty. Throws where nothing can be opened.</summary>
    public static string HashOf(ImmutableArray<CertificateOptions> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var path in files.SelectMany(file => (string[])[file.Path, file.KeyPath]))
        {
            hash.AppendData(SHA256.HashData(BytesOf(path)));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static (X509Certificate2 Certificate, X509Certificate2Collection Chain) Read(CertificateOptions file)
    {
        foreach (var path in (string[])[file.Path, file.KeyPath])
        {
            if (FileKind.OtherThanFile(path) is { } other)
            {
                throw new IOException($"{path} is {other}, not a regular file");
            }
        }

        var certificate = X509Certificate2.CreateFromPemFile(file.Path, file.KeyPath);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(file.Path);
        return (certificate, [.. chain.Skip(1)]);
    }

    private static List<string> NamesOf(X509Certificate2 certificate)
    {
        var alternatives = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(extension => extension.EnumerateDnsNames()).ToList();
        return alternatives.Count > 0 ? alternatives : [certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false)];
    }

    private static DateTimeOffset EndOf(X509Certificate2 certificate) => certificate.NotAfter; // local time, and says so

    private static byte[] BytesOf(string path)
    {
        try
        {
            return FileKind.OtherThanFile(path) is null ? File.ReadAllBytes(path) : [];
        }
        catch (Exception exception) when (
            exception is UnauthorizedAccessException || (exception is IOException && !Descriptors.AreMissing(exception)))
        {
            return [];
        }
    }
}
