using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Configuration;

namespace EdgeProxy.Tls;

/// <summary>
/// The certificates of one listener, ready for handshakes. Immutable: new files make a new set. A name is looked up as the
/// certificates spell it, then with its first label replaced by `*`; the first certificate answers when none fits. A name may have a
/// certificate with an elliptic key and another one: clients get the former if they can check it.
/// </summary>
internal sealed class CertificateSet
{
    /// <summary>id-ecPublicKey.</summary>
    private const string EllipticKey = "1.2.840.10045.2.1";

    private readonly FrozenDictionary<string, Choice> _byName;
    private readonly FrozenDictionary<string, Choice>.AlternateLookup<ReadOnlySpan<char>> _byPart;
    private readonly Choice _first;

    private CertificateSet(
        Dictionary<string, Choice> byName, Choice first, string hash, DateTimeOffset ends)
    {
        _byName = byName.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
        _byPart = _byName.GetAlternateLookup<ReadOnlySpan<char>>();
        _first = first;
        Hash = hash;
        Ends = ends;
        DependsOnClient = byName.Values.Any(choice => choice.DependsOnClient);
    }

    /// <summary>Over the files' contents.</summary>
    public string Hash { get; }

    /// <summary>When the first of them ends, the certificates of their chains included.</summary>
    public DateTimeOffset Ends { get; }

    /// <summary>Some name has certificates of both sorts.</summary>
    public bool DependsOnClient { get; }

    /// <summary>What to answer a client that asked for <paramref name="name"/>; empty when it asked for none.</summary>
    /// <param name="knowsEcdsa">It can check signatures of elliptic keys. Of no account where there is no choice.</param>
    public SslServerAuthenticationOptions Select(string name, bool knowsEcdsa = true) => Find(name).For(knowsEcdsa);

    /// <summary>Reads the PEM files. A file that cannot be read, or a key that does not fit, throws.</summary>
    public static CertificateSet Load(ImmutableArray<CertificateOptions> files, List<SslApplicationProtocol> protocols)
    {
        var hash = HashOf(files);
        var byName = new Dictionary<string, Choice>(StringComparer.OrdinalIgnoreCase);
        var ends = DateTimeOffset.MaxValue;
        Choice? first = null;
        foreach (var file in files)
        {
            var (certificate, chain) = Read(file);
            var options = new SslServerAuthenticationOptions
            {
                ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
                ApplicationProtocols = protocols,
            };
            ends = chain.Select(one => EndOf(one)).Append(EndOf(certificate)).Append(ends).Min();
            foreach (var name in NamesOf(certificate).DefaultIfEmpty(""))
            {
                var choice = byName.TryGetValue(name, out var known) ? known : byName[name] = new Choice();
                first ??= choice;
                choice.Offer(options, IsElliptic(certificate));
            }
        }

        return new CertificateSet(
            byName, first ?? throw new CryptographicException("an https listener needs a certificate"), hash, ends);
    }

    /// <summary>Places of certificates that no client ever gets: earlier ones have all their names, with keys of the same sort.</summary>
    public static IEnumerable<int> Unused(IEnumerable<X509Certificate2> certificates)
    {
        var taken = new HashSet<(string, bool)>();
        foreach (var (place, certificate) in certificates.Index())
        {
            var isElliptic = IsElliptic(certificate);
            var isNew = false;
            foreach (var name in NamesOf(certificate))
            {
                isNew |= taken.Add((name.ToLowerInvariant(), isElliptic));
            }

            if (!isNew && place > 0)
            {
                yield return place;
            }
        }
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

    private Choice Find(string name)
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

    private static bool IsElliptic(X509Certificate2 certificate) => certificate.GetKeyAlgorithm() == EllipticKey;

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

    /// <summary>The platform tells it in local time, and the end of the year 9999 as the last moment that it knows of.</summary>
    private static DateTimeOffset EndOf(X509Certificate2 certificate) => new(certificate.NotAfter.ToUniversalTime(), TimeSpan.Zero);

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

    /// <summary>What there is for one name: of each sort of key the certificate that was named first.</summary>
    private sealed class Choice
    {
        private SslServerAuthenticationOptions? _elliptic;
        private SslServerAuthenticationOptions? _other;

        public bool DependsOnClient => _elliptic is not null && _other is not null;

        public void Offer(SslServerAuthenticationOptions options, bool isElliptic)
        {
            ref var place = ref isElliptic ? ref _elliptic : ref _other;
            place ??= options;
        }

        public SslServerAuthenticationOptions For(bool knowsEcdsa) => (knowsEcdsa ? _elliptic ?? _other : _other ?? _elliptic)!;
    }
}
