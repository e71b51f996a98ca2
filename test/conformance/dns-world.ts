// Name servers on the remote host and on the service's own, the DNS proxy, and an installation with a resolv.conf.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROXY_UID, TPNET, World } from "../support/world.ts";
import { serverEndpoint } from "./dns-situation.ts";

const REMOTE_SERVERS = ["10.66.0.2", "10.66.0.3", "fd66::2", "fd66::3"] as const;

/** Long enough for all the queries of a test to come before the first answer goes, the last one first. */
const HOLD_MS = "20";

export function startDnsWorld(holdMs = HOLD_MS): Promise<World> {
  return World.create(async (world) => {
    await world.ip("remote", "address", "add", "10.66.0.3/24", "dev", "eth0");
    await world.ip("remote", "address", "add", "fd66::3/64", "dev", "eth0", "nodad");
    const remote = [...REMOTE_SERVERS.map((address) => serverEndpoint(address, 53)), ...OTHER_PORT];
    await world.start(serveDns(remote), { host: "remote", cgroup: false });
    await world.start(serveDns(["127.0.0.53:53"]));
    // On localhost alone, as Kuma's: whatever is redirected has to come there.
    const proxy = [15053, 25053].flatMap((port) => [`127.0.0.1:${port}`, `[::1]:${port}`]);
    await world.start([...serveDns(proxy), "--hold", holdMs], { uid: PROXY_UID });
  });
}

const OTHER_PORT = ["10.66.0.2:5353", "[fd66::2]:5353"];

function serveDns(listen: readonly string[]): string[] {
  return [TPNET, "dns-serve", ...listen.flatMap((address) => ["--listen", address])];
}

export async function installWithServers(
  world: World,
  directory: string,
  servers: readonly string[],
  flags: readonly string[],
): Promise<void> {
  const path = join(directory, "resolv.conf");
  writeFileSync(path, servers.map((server) => `nameserver ${server}\n`).join(""));
  const env = { KUMA_TRANSPARENT_PROXY_REDIRECT_DNS_RESOLV_CONFIG_PATH: path };
  const { stderr, exitCode } = await world.tproxyctl(world.installArguments(...flags), { env });
  if (exitCode !== 0) throw new Error(`install ${flags.join(" ")} failed:\n${stderr}`);
}
