# An image with tproxyctl for its entrypoint:
#   docker build --tag tproxyctl .
# docs/portability.md says how it is run, and what each of the options is for.

FROM debian:12-slim AS build
WORKDIR /src
COPY . .
# As on any machine: the program's dependencies are installed from the packed tarball, and none of their scripts runs.
RUN ./scripts/setup --to-build && \
    export PATH="/src/.node/bin:$PATH" && \
    npm pack --pack-destination /tmp && \
    npm install --global --prefix /opt/tproxyctl --ignore-scripts --omit=dev /tmp/tproxyctl-*.tgz

FROM debian:12-slim
# iptables has the nft and the legacy one. Debian's point releases change the versions: they are not pinned.
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends iptables libbpf1 && \
    rm -rf /var/lib/apt/lists/*
COPY --from=build /src/.node/bin/node /usr/local/bin/node
COPY --from=build /opt/tproxyctl /usr/local
ENTRYPOINT ["tproxyctl"]
CMD ["--help"]
