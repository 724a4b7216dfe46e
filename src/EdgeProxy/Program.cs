using EdgeProxy;
using EdgeProxy.Cli;

StandardStreams.Guard();
return await Verbs.InvokeAsync(args);
