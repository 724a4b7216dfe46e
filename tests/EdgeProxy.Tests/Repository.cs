namespace EdgeProxy.Tests;

/// <summary>Files of the repository that tests read as users would.</summary>
internal static class Repository
{
    private static readonly string[] Generated = ["artifacts", "obj", "bin", "TestResults", ".git", ".edgeproxy"];

    public static string Root { get; } = FindRoot();

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    /// <summary>Paths of the files that people write, relative to the root, in order.</summary>
    public static IEnumerable<string> Files() => FilesIn(new DirectoryInfo(Root))
        .Select(file => Path.GetRelativePath(Root, file))
        .Order(StringComparer.Ordinal);

    private static IEnumerable<string> FilesIn(DirectoryInfo folder) => folder.EnumerateFiles().Select(file => file.FullName)
        .Concat(folder.EnumerateDirectories().Where(inner => !Generated.Contains(inner.Name)).SelectMany(FilesIn));

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "EdgeProxy.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("EdgeProxy.sln was not found above the tests");
    }
}
