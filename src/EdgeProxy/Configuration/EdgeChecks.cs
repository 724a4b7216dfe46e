using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Tls;

namespace EdgeProxy.Configuration;

/// <summary>What must hold in the `Edge` section beyond types and ranges: sockets, certificates, networks, the store.</summary>
internal static class EdgeChecks
{
    private const int TokenLengthMin = 16;

    /// <param name="looksAtFiles">False: certificates are taken to be there and good.</param>
    public static void Check(Draft draft, FaultList faults, bool looksAtFiles)
    {
        var edge = draft.Root.Object("Edge");
        foreach (var listener in edge.Items("Listen"))
        {
            CheckListener(listener, faults, looksAtFiles);
        }

        CheckAdmin(edge.Object("Admin"), faults);
        NetworkChecks.Check(edge, faults);
        StoreChecks.Check(edge.Object("Store"), faults, looksAtFiles);
        if (looksAtFiles && draft.Edge.AccessLog.Path is { } log && !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(log))))
        {
            var path = (ScalarNode)edge.Object("AccessLog").Find("Path")!;
            faults.Error(FaultCodes.InvalidValue, path, $"the folder of {path.Shown} does not exist");
        }

        if (edge.Object("Errors").Find("TypeBase") is ScalarNode type && !IsUriBase(type.Text))
        {
            faults.Error(FaultCodes.InvalidValue, type, $"{type.Shown} followed by a code is not an absolute URI");
        }
    }

    private static void CheckListener(Section listener, FaultList faults, bool looksAtFiles)
    {
        if (listener.Find("Url") is not ScalarNode url)
        {
            return;
        }

        if (AddressText.FaultOfListener(url.Text, out var address) is { } fault)
        {
            faults.Error(FaultCodes.InvalidListener, url, $"{url.Shown} {fault}");
            return;
        }

        var isSecure = address!.Scheme.Equals("https", StringComparison.OrdinalIgnoreCase);
        var certificates = listener.Items("Certificates").ToList();
        if (isSecure != certificates.Count > 0)
        {
            faults.Error(
                FaultCodes.InvalidListener, url,
                isSecure ? "an https listener needs Certificates" : "an http listener has no use for Certificates");
        }

        var loaded = new List<(Section Section, X509Certificate2 Certificate)>();
        foreach (var certificate in looksAtFiles ? certificates : [])
        {
            if (CheckCertificate(certificate, faults) is { } read)
            {
                loaded.Add((certificate, read));
            }
        }

        foreach (var place in CertificateSet.Unused(loaded.Select(one => one.Certificate)))
        {
            var path = (ScalarNode)loaded[place].Section.Find("Path")!;
            faults.Warn(
                FaultCodes.UnusedCertificate, path.Place, path.Path,
                $"{path.Shown} is never used: certificates before it have all its names, with keys of the same sort");
        }

        foreach (var (_, certificate) in loaded)
        {
            certificate.Dispose();
        }
    }

    private static void CheckAdmin(Section admin, FaultList faults)
    {
        CheckToken(admin, faults);
        if (admin.Find("Listen") is not ScalarNode url)
        {
            return;
        }

        if (AddressText.FaultOfListener(url.Text, out var address) is { } fault)
        {
            faults.Error(FaultCodes.InvalidListener, url, $"{url.Shown} {fault}");
            return;
        }

        if (!address!.Scheme.Equals("http", StringComparison.OrdinalIgnoreCase))
        {
            faults.Error(FaultCodes.InvalidListener, url, "the admin listener speaks http only");
        }

        var token = admin.Node!.Find("Token")?.Value as ScalarNode;
        if (!AddressText.IsLoopback(address) && token is not { IsUnknown: true } && string.IsNullOrEmpty(admin.Text("Token")))
        {
            faults.Error(
                FaultCodes.UnprotectedAdmin, url,
                $"{url.Shown} can be reached from elsewhere, so the admin listener needs a Token");
        }
    }

    /// <summary>A token in a file is known to whoever reads the file, and a short one is found by trying.</summary>
    private static void CheckToken(Section admin, FaultList faults)
    {
        if (admin.Find("Token") is ScalarNode { WasBlank: true } blank)
        {
            faults.Error(FaultCodes.InvalidValue, blank, "the token is white space and nothing else");
        }

        if (admin.Find("Token") is not ScalarNode { Text.Length: > 0 } token)
        {
            return;
        }

        if (!token.IsExpanded)
        {
            faults.Warn(
                FaultCodes.WeakAdminToken, token.Place, token.Path,
                "the token stands in the file for whoever may read it; a variable such as \"${EDGE_ADMIN_TOKEN}\" keeps it out");
        }
        else if (token.Text.Length < TokenLengthMin)
        {
            faults.Warn(FaultCodes.WeakAdminToken, token.Place, token.Path, $"the token has fewer than {TokenLengthMin} characters");
        }
    }

    public static X509Certificate2? CheckCertificate(Section certificate, FaultList faults, string pathKey = "Path")
    {
        if (certificate.Find(pathKey) is not ScalarNode path)
        {
            return null;
        }

        var (file, keyFile) = EdgeSection.BindCertificate(certificate, pathKey);
        foreach (var (node, name) in new[] { (path, file), (certificate.Find("KeyPath") as ScalarNode ?? path, keyFile) })
        {
            if (!File.Exists(name))
            {
                faults.Error(FaultCodes.InvalidCertificate, node, $"there is no file {node.Shown}");
                return null;
            }

            if (FileKind.OtherThanFile(name) is { } other)
            {
                faults.Error(FaultCodes.InvalidCertificate, node, $"{node.Shown} is {other}, not a regular file");
                return null;
            }
        }

        try
        {
            return X509Certificate2.CreateFromPemFile(file, keyFile);
        }
        catch (Exception exception) when (exception is CryptographicException or IOException or UnauthorizedAccessException)
        {
            // The exception's own text may quote the file.
            faults.Error(
                FaultCodes.InvalidCertificate, path,
                $"{path.Shown} and its key are not a readable PEM certificate and its private key");
            return null;
        }
    }

    private static bool IsUriBase(string text) =>
        Uri.TryCreate(text + "x", UriKind.Absolute, out _)
        && text.All(c => c is > ' ' and < '\x7f' and not ('"' or '<' or '>' or '\\' or '`'));
}
