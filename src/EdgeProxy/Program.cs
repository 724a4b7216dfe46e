using EdgeProxy.Cli;

return await Verbs.InvokeAsync(args);
