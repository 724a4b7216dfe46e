# Build:  docker build -t edgeproxy .
# Run:    docker run --rm -p 8080:8080 -v "$PWD/config:/etc/edgeproxy:ro" -v edgeproxy-state:/var/lib/edgeproxy edgeproxy
ARG SDK_IMAGE=mcr.microsoft.com/dotnet/sdk:10.0
ARG RUNTIME_IMAGE=mcr.microsoft.com/dotnet/aspnet:10.0

FROM ${SDK_IMAGE} AS build
WORKDIR /source
# What decides the restore comes first, so that a change of code alone does not restore again.
COPY global.json Directory.Build.props Directory.Packages.props BannedSymbols.txt .editorconfig ./
COPY src/EdgeProxy/EdgeProxy.csproj src/EdgeProxy/packages.lock.json src/EdgeProxy/
RUN dotnet restore src/EdgeProxy --locked-mode
COPY src src
RUN dotnet publish src/EdgeProxy -c Release --no-restore -o /edgeproxy

FROM ${RUNTIME_IMAGE}
COPY --from=build /edgeproxy /opt/edgeproxy
# The base image's own unprivileged user; a volume at the state folder takes over this owner.
RUN mkdir -p /etc/edgeproxy /var/lib/edgeproxy && chown 1654:1654 /var/lib/edgeproxy
USER 1654
VOLUME /var/lib/edgeproxy
EXPOSE 8080 9901
STOPSIGNAL SIGTERM
# No HEALTHCHECK: the image holds no tool to ask with. Probe /livez and /readyz on the admin listener from outside.
ENTRYPOINT ["/opt/edgeproxy/edgeproxy", "run", "--config", "/etc/edgeproxy", "--state", "/var/lib/edgeproxy"]
