// Where the random connections come from and go to.

import { join } from "node:path";
import { projectRoot } from "../../support/project-files.ts";
import { PROXY_UID, World } from "../../support/world.ts";

export const REMOTE = ["10.66.0.2", "10.66.0.3", "fd66::2", "fd66::3"] as const;
/** Behind another interface, eth1. */
export const OTHER = ["10.66.1.2", "fd66:1::2"] as const;
export const OWN = ["10.66.0.1", "10.66.0.9", "10.66.1.1", "fd66::1", "fd66::9", "fd66:1::1"] as const;
export const LOOPBACK = ["127.0.0.1", "127.0.0.2", "127.0.0.6", "127.1.2.3", "::1"] as const;
/** There where IPv6 is intercepted inbound. */
export const PASSTHROUGH6 = "::6";
export const UNSPECIFIED = ["0.0.0.0", "::"] as const;
export const TO_MANY = [
  "10.66.0.255",
  "10.66.1.255",
  "127.255.255.255",
  "255.255.255.255",
  "224.0.0.1",
  "ff02::1",
] as const;

/** Real servers listen on these, on every host. */
export const SERVED_PORTS = [1, 53, 80, 81, 8080, 65535] as const;
/** Nobody listens here. */
export const IDLE_PORT = 9999;
export const PORTS = [...SERVED_PORTS, IDLE_PORT] as const;

export const OUTBOUND_PORTS = [15001, 25001] as const;
export const INBOUND_PORTS = [15006, 25006] as const;

/** UDP servers are on these, at each address of every host. */
export const QUERY_PORTS = [53, 5353] as const;
export const LOCAL_SERVERS = ["127.0.0.1", "127.0.0.53", "::1"] as const;
export const DNS_PORTS = [15053, 25053] as const;

export const APP = 1000;
export const ANOTHER = 2000;

/** A service with two interfaces and addresses more than one on the first, a host at each, servers everywhere. */
export function startWorld(): Promise<World> {
  return World.create(async (world) => {
    await world.addHost("other", "eth1", 1);
    for (const [host, last] of [
      ["service", 9],
      ["remote", 3],
    ] as const) {
      await world.ip(host, "address", "add", `10.66.0.${last}/24`, "dev", "eth0");
      await world.ip(host, "address", "add", `fd66::${last}/64`, "dev", "eth0", "nodad");
    }
    // It forwards between the two.
    const forwarding = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"];
    await world.run(["sysctl", "-q", "-w", ...forwarding], { cgroup: false });
    for (const host of ["service", "remote", "other"]) {
      await world.serve(everywhere(SERVED_PORTS), host === "service" ? {} : { host, cgroup: false });
    }
    await world.startProxy({ listen: everywhere([...OUTBOUND_PORTS, ...INBOUND_PORTS]) });
    await startNameServers(world);
  });
}

const UDP_SERVER = join(projectRoot, "test/conformance/random/udp-server.ts");

async function startNameServers(world: World): Promise<void> {
  const at = (addresses: readonly string[], ports: readonly number[]) =>
    addresses.flatMap((address) => ports.map((port) => `${address}#${port}`));
  const start = (endpoints: readonly string[], options: { host?: string; uid?: number; cgroup?: false }) =>
    world.start([process.execPath, UDP_SERVER, ...endpoints], options);
  // A port that is used again must not find what the kernel remembers of a query under another configuration.
  await world.run(["sysctl", "-q", "-w", "net.netfilter.nf_conntrack_udp_timeout=1"], { cgroup: false });
  await start(at(REMOTE, QUERY_PORTS), { host: "remote", cgroup: false });
  await start(at(OTHER, QUERY_PORTS), { host: "other", cgroup: false });
  await start(at([...OWN, ...LOCAL_SERVERS], QUERY_PORTS), {});
  await start(at(["127.0.0.1", "::1"], DNS_PORTS), { uid: PROXY_UID });
}

function everywhere(ports: readonly number[]): string[] {
  return ports.flatMap((port) => [`0.0.0.0:${port}`, `[::]:${port}`]);
}
