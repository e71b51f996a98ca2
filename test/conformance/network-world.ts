// A service that forwards for hosts behind it, each at an interface of its own: "container" on br1, and "late" on br2,
// which comes after the installation.

import { PROXY_UID, TPNET, World } from "../support/world.ts";

/** Real servers listen on it, on every host. */
export const SERVED_PORT = 80;

export function startNetworkWorld(): Promise<World> {
  return World.create(async (world) => {
    await world.addHost("container", "br1", 1);
    const forwarding = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"];
    await world.run(["sysctl", "-q", "-w", ...forwarding], { cgroup: false });
    await world.startProxy();
    const everywhere = [`0.0.0.0:${SERVED_PORT}`, `[::]:${SERVED_PORT}`];
    await world.serve(everywhere);
    await world.serve(everywhere, { host: "remote", cgroup: false });
    await serveDns(world, ["0.0.0.0:15053", "[::]:15053"], { uid: PROXY_UID });
    await serveDns(world, ["10.66.0.2:53", "[fd66::2]:53"], { host: "remote", cgroup: false });
    await serveDns(world, ["10.66.0.1:53", "[fd66::1]:53"], {});
  });
}

function serveDns(world: World, listen: readonly string[], options: Parameters<World["start"]>[1]) {
  const addresses = listen.flatMap((address) => ["--listen", address]);
  return world.start([TPNET, "dns-serve", ...addresses], options);
}
