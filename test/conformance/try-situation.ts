// One situation of the table: what it is tried in, how, and what of a connection counts. Without vitest: test/kernels tries
// them in guests.

import { ENV_PREFIX } from "../../src/config/setting.ts";
import { type Accepted, type Connection, World } from "../support/world.ts";
import type { OptionSet, Situation } from "./situation.ts";
import { SERVED_PORTS } from "./situation-places.ts";
import type { Way } from "./ways.ts";

/** Data in the SYN without a cookie: a fast open that always is one (client 1 and 4, server 2 and 0x200, 0x400). */
const FAST_OPEN = "net.ipv4.tcp_fastopen=1543";

/** The variables of a set by the names that they have in the environment. */
export function prefixed(variables: OptionSet["variables"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [`${ENV_PREFIX}${name}`, value]),
  );
}

const PROXY_PORTS: readonly number[] = [15001, 15006, 25001, 25006];

/** Real servers on both hosts, and the proxy on all the ports that it may be asked to use. */
export function startWorld(): Promise<World> {
  return World.create(async (world) => {
    for (const last of ["3", "4"]) {
      await world.ip("remote", "address", "add", `10.66.0.${last}/24`, "dev", "eth0");
      await world.ip("remote", "address", "add", `fd66::${last}/64`, "dev", "eth0", "nodad");
    }
    for (const host of ["service", "remote"]) {
      await world.run(["sysctl", "-q", "-w", FAST_OPEN], { host });
      await world.serve(everywhere(SERVED_PORTS), host === "service" ? {} : { host, cgroup: false });
    }
    await world.startProxy({ listen: everywhere(PROXY_PORTS) });
  });
}

function everywhere(ports: readonly number[]): string[] {
  return ports.flatMap((port) => [`0.0.0.0:${port}`, `[::]:${port}`]);
}

export function tryOut(
  world: World,
  { host, uid, socket, options, from, to }: Situation,
): Promise<Connection> {
  const flags = [
    ...(socket === "mapped" ? ["--mapped"] : []),
    ...(from === undefined ? [] : ["--from", from]),
    ...options,
  ];
  return world.connect(to, { host, uid, flags, ...(host === "service" ? {} : { cgroup: false }) });
}

/** What counts of a connection, in the words of a situation. */
export function outcome({ error, peer, server }: Connection, { engine }: Pick<Way, "engine">) {
  const listener = server === null ? null : Number(/\d+$/.exec(server.listener)?.[0]);
  return { error, peer, listener, original: server === null ? null : originalDestination(server, engine) };
}

/**
 * iptables makes the kernel follow all connections of a namespace, and SO_ORIGINAL_DST then has an answer for each of
 * them: to a server whose connection is untouched, its own address, which is how a proxy tells them apart. Without
 * iptables it has none.
 */
function originalDestination({ listener, local, origdst }: Accepted, engine: Way["engine"]): string | null {
  const isProxy = PROXY_PORTS.includes(Number(/\d+$/.exec(listener)?.[0]));
  return engine === "iptables" && !isProxy && origdst === local ? null : origdst;
}

export function wanted(situation: Situation, ports: OptionSet["ports"]): ReturnType<typeof outcome> {
  const { error, peer, original } = situation;
  return { error, peer, listener: listenerPort(situation, ports), original };
}

function listenerPort({ expected, to }: Situation, ports: OptionSet["ports"]): number | null {
  switch (expected) {
    case "refused":
      return null;
    case "untouched":
      return Number(/\d+$/.exec(to)?.[0]);
    case "outbound":
    case "inbound":
      return ports[expected];
  }
}
