// What the tests of conntrack work on: connections that are older than the rules that redirect.

import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setns } from "../../src/native/namespaces.ts";
import { APP_UID, type Running, type RunOptions, TPNET, World } from "../support/world.ts";

export type Kind = "nft" | "legacy";
export type Family = "v4" | "v6";

/** The app at its own address, and the remote host; each end has a server that is no proxy. */
export const ADDRESSES = {
  v4: { inbound: "10.66.0.1:8080", outbound: "10.66.0.2:8080" },
  v6: { inbound: "[fd66::1]:8080", outbound: "[fd66::2]:8080" },
} as const;

export async function worldWithServers(): Promise<World> {
  return await World.create(async (world) => {
    await world.startProxy();
    await world.serve([ADDRESSES.v4.inbound, ADDRESSES.v6.inbound], { uid: APP_UID });
    const there = { host: "remote", cgroup: false } as const;
    await world.serve([ADDRESSES.v4.outbound, ADDRESSES.v6.outbound], there);
  });
}

/** The rules as kumactl writes them, but for the jumps: nothing is redirected, and conntrack goes to work. */
function chains(family: Family): string {
  const [loopback, passthrough] = family === "v4" ? ["127.0.0.1/32", "127.0.0.6/32"] : ["::1/128", "::6/128"];
  return `* nat
-N KUMA_MESH_INBOUND
-N KUMA_MESH_OUTBOUND
-N KUMA_MESH_INBOUND_REDIRECT
-N KUMA_MESH_OUTBOUND_REDIRECT
-A KUMA_MESH_INBOUND -p tcp -j KUMA_MESH_INBOUND_REDIRECT
-A KUMA_MESH_OUTBOUND -s ${passthrough} -o lo -j RETURN
-A KUMA_MESH_OUTBOUND -p tcp -o lo ! -d ${loopback} -m owner --uid-owner 5678 -j KUMA_MESH_INBOUND_REDIRECT
-A KUMA_MESH_OUTBOUND -p tcp -o lo -m owner ! --uid-owner 5678 -j RETURN
-A KUMA_MESH_OUTBOUND -m owner --uid-owner 5678 -j RETURN
-A KUMA_MESH_OUTBOUND -d ${loopback} -j RETURN
-A KUMA_MESH_OUTBOUND -j KUMA_MESH_OUTBOUND_REDIRECT
-A KUMA_MESH_INBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15006
-A KUMA_MESH_OUTBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15001
COMMIT
`;
}

/** INVALID packets are dropped, too: the sequence numbers of a connection must not look wrong to conntrack. */
const JUMPS = `* nat
-A PREROUTING -p tcp -j KUMA_MESH_INBOUND
-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND
COMMIT
* mangle
-A PREROUTING -m conntrack --ctstate INVALID -j DROP
COMMIT
`;

/** Puts the rules in force. `beforeJumps` runs when conntrack is at work and nothing is redirected yet. */
export async function redirect(
  world: World,
  kind: Kind,
  family: Family,
  beforeJumps: () => unknown = () => undefined,
): Promise<void> {
  await restore(world, kind, family, chains(family));
  beforeJumps();
  await restore(world, kind, family, JUMPS);
}

async function restore(world: World, kind: Kind, family: Family, input: string): Promise<void> {
  const program = `${family === "v4" ? "iptables" : "ip6tables"}-${kind}-restore`;
  const { exitCode, stderr } = await world.run([program, "--noflush"], { cgroup: false, input });
  if (exitCode !== 0) throw new Error(`${program} failed: ${stderr}`);
}

/** Does something in the service's network namespace. It must not be asynchronous: namespaces are per thread. */
export function inService<T>(world: World, action: () => T): T {
  const home = openSync("/proc/thread-self/ns/net", "r");
  const service = openSync(`/run/netns/${world.netns("service")}`, "r");
  try {
    setns(service, "NEWNET");
    return action();
  } finally {
    setns(home, "NEWNET");
    closeSync(service);
    closeSync(home);
  }
}

/** What conntrack knows there, a line each. */
export function conntrackTable(): string[] {
  return readFileSync("/proc/thread-self/net/nf_conntrack", "latin1").split("\n").filter(Boolean);
}

export const FROM_REMOTE: RunOptions = { host: "remote", cgroup: false };

/** Connections that are open and silent. */
export class Idle {
  readonly #client: Running;

  private constructor(client: Running) {
    this.#client = client;
  }

  static async open(world: World, to: string, count: number, options: RunOptions = {}): Promise<Idle> {
    const parallel = String(Math.min(count, 100));
    const flags = ["flood", "--to", to, "--count", String(count), "--parallel", parallel, "--hold"];
    const isReady = (line: string) => line.includes(`"open":${count},`);
    return new Idle(await world.start([TPNET, ...flags], { uid: APP_UID, ...options, isReady }));
  }

  /** Sends something on each, and closes them: how many were still there. */
  async countAlive(): Promise<number> {
    // Its last line may come after its end was noticed.
    const closed = once(this.#client.child, "close");
    this.#client.child.stdin?.end();
    await closed;
    return (JSON.parse(this.#client.lines.at(-1) ?? "{}") as { alive: number }).alive;
  }
}
