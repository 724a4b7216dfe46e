using System.CommandLine;
using EdgeProxy.Configuration;

namespace EdgeProxy.Cli;

/// <summary>`edgeproxy schema`: the JSON Schema of the configuration, for editors.</summary>
internal static class SchemaVerb
{
    public static Command Create()
    {
        var command = new Command("schema", "Print the JSON Schema of the configuration");
        command.SetAction(_ =>
        {
            Console.Out.Write(ConfigurationSchema.ToJson());
            return Verbs.Success;
        });
        return command;
    }
}
