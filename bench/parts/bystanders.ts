// What an installation costs those whom it does not intercept.

import type { RunOptions, World } from "../../test/support/world.ts";
import { EBPF, install } from "../candidates.ts";
import { ObedientClient } from "../obedient.ts";
import type { Part, PartRun } from "../part.ts";
import { APPLICATION, startServers, TRAFFIC, withWorlds } from "../scene.ts";
import { shuffled } from "../statistics.ts";

export const bystanders: Part = {
  name: "bystanders",
  about:
    "connect() and getsockopt(SO_RCVBUF) of processes that are not intercepted, while something is installed in a namespace and while nothing is, in turn: in another namespace but the same cgroup, in that and outside of the cgroup, and in the same namespace to an address of its own. The processes are the same all the time.",
  rounds: { full: 61, quick: 4 },
  roundMs: { full: 2000, quick: 2000 },
  measure: (run) => withWorlds(["bystanders"], prepare, (worldOf) => rounds(run, worldOf("bystanders"))),
};

const NEIGHBOUR = "neighbour";
const COUNT = 1000;
const GETSOCKOPT = { count: 30, batch: 1000 } as const;
const NOTHING = "nothing installed";

const LOCAL = "127.0.0.1";
const WHO: readonly { readonly scenario: string; readonly client: RunOptions }[] = [
  { scenario: "same cgroup, other namespace", client: { ...APPLICATION, host: NEIGHBOUR } },
  { scenario: "other cgroup, other namespace", client: { ...APPLICATION, host: NEIGHBOUR, cgroup: false } },
  { scenario: "same cgroup and namespace, local address", client: APPLICATION },
];

async function prepare(world: World): Promise<void> {
  await startServers(world);
  await world.addNamespace(NEIGHBOUR);
  await world.start([TRAFFIC, "serve", "8080"], { ...APPLICATION, host: NEIGHBOUR, cgroup: false });
}

async function rounds(run: PartRun, world: World): Promise<void> {
  const start = async ({ scenario, client }: (typeof WHO)[number]) => {
    return { scenario, client: await ObedientClient.start(world, client) };
  };
  const clients = await Promise.all(WHO.map(start));
  const turns = [
    () => measureAll(run, clients, NOTHING),
    async () => {
      await install(world, EBPF);
      await measureAll(run, clients, EBPF.name);
      await world.uninstall();
    },
  ];
  await run.repeat(async () => {
    for (const turn of shuffled(turns)) await turn();
  });
}

async function measureAll(
  run: PartRun,
  clients: readonly { readonly scenario: string; readonly client: ObedientClient }[],
  candidate: string,
): Promise<void> {
  for (const { scenario, client } of shuffled(clients)) {
    const what = { scenario, candidate };
    const { connectUs } = await client.connections({
      address: LOCAL,
      count: COUNT,
      intercepted: 0,
    });
    run.record({ ...what, quantity: "connect", unit: "µs" }, connectUs);
    const calls = await client.getsockopt(GETSOCKOPT.count, GETSOCKOPT.batch);
    run.record({ ...what, quantity: "getsockopt", unit: "µs" }, calls);
  }
}
