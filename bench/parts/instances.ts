// What a connection costs, by how many instances there are on the host.

import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { World } from "../../test/support/world.ts";
import { cgroup2Root } from "../../test/support/world.ts";
import { EBPF, install } from "../candidates.ts";
import { connections } from "../connections.ts";
import { extentOf, type Part, type PartRun } from "../part.ts";
import { ROUTES_IPV4, withWorlds } from "../scene.ts";
import { shuffled } from "../statistics.ts";

export const instances: Part = {
  name: "instances",
  about:
    "connect() in one namespace of several that are intercepted. Each with a cgroup of its own: the programs of the others do not see its connections. All of them on one cgroup, as with the default, the root of cgroup2: each connection is shown to the programs of all of them, and the kernel takes 64 of a kind there. All are installed at the same time.",
  rounds: { full: 31, quick: 4 },
  roundMs: { full: 600, quick: 300 },
  measure,
};

const OWN = "a cgroup each";
const SHARED = "one cgroup";
/** The kernel takes no more programs of a kind on a cgroup (BPF_CGROUP_MAX_PROGS). */
const SHARED_MOST = 64;
const SIZES = { full: [1, 10, 100], quick: [1, 4] } as const;
const COUNT = 300;

interface Instance {
  readonly group: string;
  readonly size: number;
  readonly index: number;
}

async function measure(run: PartRun): Promise<void> {
  const cgroups = new Set<string>();
  try {
    const all = instancesOf(run);
    const cgroupOf = ({ group, size }: Instance): string | undefined => {
      if (group === OWN) return undefined;
      const path = join(cgroup2Root(), `tpbench${process.pid}of${size}`);
      if (!cgroups.has(path)) mkdirSync(path);
      cgroups.add(path);
      return path;
    };
    const prepare = async (world: World, instance: Instance) => {
      const cgroup = cgroupOf(instance);
      await install(world, EBPF, ...(cgroup === undefined ? [] : ["--ebpf-cgroup-path", cgroup]));
    };
    await withWorlds(all, prepare, async (worldOf) => {
      const measured = all.filter(({ index }) => index === 0);
      await run.repeat(async () => {
        for (const each of shuffled(measured)) await measureCase(run, worldOf(each), each, cgroupOf(each));
      });
    });
  } finally {
    for (const path of cgroups) rmdirSync(path);
  }
}

function instancesOf(run: PartRun): readonly Instance[] {
  const sizes = extentOf<readonly number[]>(SIZES, run);
  return [OWN, SHARED].flatMap((group) =>
    sizes.flatMap((wanted) => {
      const size = group === SHARED ? Math.min(wanted, SHARED_MOST) : wanted;
      return Array.from({ length: size }, (_, index) => ({ group, size, index }));
    }),
  );
}

async function measureCase(
  run: PartRun,
  world: World,
  { group, size }: Instance,
  cgroup: string | undefined,
): Promise<void> {
  for (const route of shuffled(ROUTES_IPV4)) {
    const client =
      cgroup === undefined || route.direction === "inbound" ? route.client : { ...route.client, cgroup };
    const asked = { ...route, client, cgroup, count: COUNT, intercepted: COUNT };
    const { connectUs } = await connections(world, asked);
    run.record(
      { quantity: "connect", unit: "µs", scenario: route.name, candidate: group, x: size },
      connectUs,
    );
  }
}
