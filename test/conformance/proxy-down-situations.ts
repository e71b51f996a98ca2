// Connections of every direction, family and kind that the proxy takes, while it is there.

import { APP_UID, type Connection, PROXY_UID, type World } from "../support/world.ts";

export interface ProxyConnection {
  readonly name: string;
  readonly host: "service" | "remote";
  readonly family: "v4" | "v6";
  readonly uid: number;
  readonly to: string;
  readonly flags: readonly string[];
  /** The proxy's port that takes it. */
  readonly listener: 15001 | 15006;
  /** What it is counted as where it goes past the proxy. */
  readonly bypassed: "outboundBypassed" | "selfBypassed" | "inboundBypassed";
}

export const CONNECTIONS: readonly ProxyConnection[] = [
  outbound("outbound v4", "v4"),
  outbound("outbound v6", "v6"),
  outbound("outbound mapped", "v4", "--mapped"),
  outbound("outbound nonblocking", "v4", "--nonblock"),
  outbound("outbound MPTCP v4", "v4", "--mptcp"),
  outbound("outbound MPTCP v6", "v6", "--mptcp"),
  inbound("inbound v4", "v4"),
  inbound("inbound v6", "v6"),
  inbound("inbound mapped", "v4", "--mapped"),
  self("self v4", "v4", "10.66.0.1:80"),
  self("self v6", "v6", "[fd66::1]:80"),
  self("self to 127.0.0.2", "v4", "127.0.0.2:80"),
];

function outbound(name: string, family: ProxyConnection["family"], ...flags: string[]): ProxyConnection {
  const to = family === "v4" ? "10.66.0.2:80" : "[fd66::2]:80";
  const rest = { listener: 15001, bypassed: "outboundBypassed" } as const;
  return { name, host: "service", family, uid: APP_UID, to, flags, ...rest };
}

function inbound(name: string, family: ProxyConnection["family"], ...flags: string[]): ProxyConnection {
  const to = family === "v4" ? "10.66.0.1:80" : "[fd66::1]:80";
  const rest = { listener: 15006, bypassed: "inboundBypassed" } as const;
  return { name, host: "remote", family, uid: APP_UID, to, flags, ...rest };
}

function self(name: string, family: ProxyConnection["family"], to: string): ProxyConnection {
  const rest = { listener: 15006, bypassed: "selfBypassed" } as const;
  return { name, host: "service", family, uid: PROXY_UID, to, flags: [], ...rest };
}

export function connect(world: World, { host, uid, to, flags }: ProxyConnection): Promise<Connection> {
  return world.connect(to, { host, uid, flags, ...(host === "service" ? {} : { cgroup: false }) });
}
