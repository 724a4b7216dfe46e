namespace EdgeProxy.Configuration;

/// <summary>What `edgeproxy run` was told on the command line.</summary>
internal sealed record RunOptions
{
    /// <summary>File or folder; default `config` in the working folder.</summary>
    public string ConfigPath { get; init; } = "config";

    /// <summary>Folder of the last good revision; null: `.edgeproxy` inside or beside the configuration.</summary>
    public string? StatePath { get; init; }

    /// <summary>Where the last good revision is kept.</summary>
    public string StateFolder => StatePath ?? LastGoodStore.DefaultFolder(ConfigPath);

    /// <summary>Start from the last good revision when the files are faulty.</summary>
    public bool FallBack { get; init; }

    /// <summary>SIGTERM lets `Shutdown.AcceptFor` pass before connections are refused.</summary>
    public bool AcceptsOnStop { get; init; } = true;
}
