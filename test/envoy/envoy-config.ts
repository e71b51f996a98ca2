// A static bootstrap for Envoy with the listeners and clusters that Kuma gives it for a transparent proxy:
// pass-through in both directions, by the original destination. There is no admin port.

import { HTTP_PORT } from "./ports.ts";

export interface EnvoyOptions {
  /** Each worker has a listening socket of its own (SO_REUSEPORT), or all share one. */
  readonly reusePort: boolean;
}

const DIRECTIONS = [
  { name: "outbound", port: 15001 },
  { name: "inbound", port: 15006 },
] as const;
type Direction = (typeof DIRECTIONS)[number];

/** `source`: where inbound connections are handed on from; the data path leaves those alone. */
const FAMILIES = [
  { family: "ipv4", any: "0.0.0.0", source: "127.0.0.6" },
  { family: "ipv6", any: "::", source: "::6" },
] as const;
type Family = (typeof FAMILIES)[number];

export function envoyBootstrap({ reusePort }: EnvoyOptions) {
  const all = DIRECTIONS.flatMap((direction) => FAMILIES.map((family) => ({ direction, family })));
  return {
    static_resources: {
      listeners: all.map(({ direction, family }) => listener(direction, family, reusePort)),
      clusters: all.map(({ direction, family }) => cluster(direction, family)),
    },
  };
}

function nameOf({ name }: Direction, { family }: Family): string {
  return `${name}:passthrough:${family}`;
}

function listener(direction: Direction, family: Family, reusePort: boolean) {
  const name = nameOf(direction, family);
  return {
    name,
    address: socketAddress(family.any, direction.port),
    traffic_direction: direction.name.toUpperCase(),
    bind_to_port: true,
    enable_reuse_port: reusePort,
    use_original_dst: true,
    listener_filters: [
      {
        name: "envoy.filters.listener.original_dst",
        typed_config: typed("extensions.filters.listener.original_dst.v3.OriginalDst"),
      },
    ],
    // Which one is taken depends on the original destination.
    filter_chains: [
      { filter_chain_match: { destination_port: HTTP_PORT }, filters: [httpConnectionManager(name)] },
      { filters: [tcpProxy(name)] },
    ],
  };
}

function tcpProxy(name: string) {
  return {
    name: "envoy.filters.network.tcp_proxy",
    typed_config: {
      ...typed("extensions.filters.network.tcp_proxy.v3.TcpProxy"),
      stat_prefix: name,
      cluster: name,
      access_log: [accessLog(name)],
    },
  };
}

function httpConnectionManager(name: string) {
  return {
    name: "envoy.filters.network.http_connection_manager",
    typed_config: {
      ...typed("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
      stat_prefix: name,
      access_log: [accessLog(name)],
      route_config: {
        virtual_hosts: [
          {
            name,
            domains: ["*"],
            // Large bodies take longer than the default of 15 s.
            routes: [{ match: { prefix: "/" }, route: { cluster: name, timeout: "0s" } }],
          },
        ],
      },
      http_filters: [
        {
          name: "envoy.filters.http.router",
          typed_config: typed("extensions.filters.http.router.v3.Router"),
        },
      ],
    },
  };
}

/** A line of Envoy's access log: for each request (HTTP) or each connection that ended (TCP). */
export interface AccessLogLine {
  readonly listener: string;
  readonly client: string;
  /** The original destination, as the listener filter found it. */
  readonly destination: string;
  readonly upstream: string;
  readonly upstreamLocal: string;
  /** Why Envoy cut it off; null: it did not. */
  readonly flags: string | null;
}

function accessLog(name: string) {
  const format: Record<keyof AccessLogLine, string> = {
    listener: name,
    client: "%DOWNSTREAM_REMOTE_ADDRESS%",
    destination: "%DOWNSTREAM_LOCAL_ADDRESS%",
    upstream: "%UPSTREAM_HOST%",
    upstreamLocal: "%UPSTREAM_LOCAL_ADDRESS%",
    flags: "%RESPONSE_FLAGS%",
  };
  return {
    name: "envoy.access_loggers.stdout",
    typed_config: {
      ...typed("extensions.access_loggers.stream.v3.StdoutAccessLog"),
      log_format: { json_format: format },
    },
  };
}

/** An outbound connection is Envoy's own; an inbound one comes from an address that is never redirected. */
function cluster(direction: Direction, family: Family) {
  const name = nameOf(direction, family);
  const shared = { name, type: "ORIGINAL_DST", lb_policy: "CLUSTER_PROVIDED", connect_timeout: "10s" };
  if (direction.name === "outbound") return shared;
  return { ...shared, upstream_bind_config: { source_address: { address: family.source, port_value: 0 } } };
}

function socketAddress(address: string, port: number) {
  return { socket_address: { address, port_value: port } };
}

function typed(message: string) {
  return { "@type": `type.googleapis.com/envoy.${message}` };
}
