// Tries what groups.ts lists on the kernel that it runs on, and prints one line of JSON for each check. Run as bundle.ts makes it:
//   guest.js cgroup-v1 brief|whole   on a machine where only cgroup v1 is mounted (guest-init.sh)
//   guest.js cgroup2 brief|whole     then, with cgroup2
//   guest.js own brief|whole         on a machine that others use, too

import { release } from "node:os";
import { expectState, type KernelState, kernelState } from "../support/kernel-state.ts";
import { World } from "../support/world.ts";
import type { Check, Group, Guest } from "./check.ts";
import type { Row } from "./columns.ts";
import { CGROUP2_HIDDEN, type Extent, groups, withoutCgroup2 } from "./groups.ts";

const PHASES: Readonly<Record<string, (extent: Extent) => readonly Group[]>> = {
  "cgroup-v1": withoutCgroup2,
  cgroup2: groups,
  own: (extent) => [...CGROUP2_HIDDEN, ...groups(extent)],
};

async function main(phase: string, extent: string): Promise<boolean> {
  const groupsOf = PHASES[phase];
  if (groupsOf === undefined || (extent !== "brief" && extent !== "whole"))
    throw new Error(
      `reading the arguments: '${phase} ${extent}' is none of ${Object.keys(PHASES)} with brief or whole`,
    );
  const started = performance.now();
  print({ kernel: release(), phase });
  let passed = true;
  for (const group of groupsOf(extent)) passed = !stopped && (await tryGroup(group)) && passed;
  passed &&= !stopped;
  print({ done: passed, phase, seconds: seconds(started) });
  return passed;
}

async function tryGroup(group: Group): Promise<boolean> {
  const { start = () => World.create(undefined, { withCgroup: group.withCgroup ?? true }) } = group;
  let passed = true;
  const tell = (row: Row) => {
    print(row);
    passed &&= row.ok;
    // Without an installation the rest means nothing.
    return row.ok && row.state !== "-";
  };
  try {
    await using world = await start();
    const guest: Guest = { group, world, flags: group.flags, proxy: undefined };
    const before = await kernelState(world, SERVICE);
    for (const check of group.checks)
      if (stopped || (!tell(await tryOut(check, guest)) && check.essential === true)) break;
    tell(await tryOut(nothingIsLeft(before), guest));
  } catch (error) {
    tell({ group: group.name, check: "a world of its own", ok: false, seconds: 0, detail: describe(error) });
  }
  return passed;
}

/** No command is run anywhere else, and to look takes seconds in a guest. */
const SERVICE = { hosts: ["service"] } as const;

/** What the kernel and the file systems have is what they had before the first check. */
function nothingIsLeft(before: KernelState): Check {
  const run = async ({ world }: Guest) => {
    await expectState(world, before, SERVICE);
    return undefined;
  };
  return { name: "nothing is left", run };
}

async function tryOut(check: Check, guest: Guest): Promise<Row> {
  const started = performance.now();
  const about = {
    group: guest.group.name,
    check: check.name,
    ...(check.column === undefined ? {} : { column: check.column }),
  };
  try {
    const found = await check.run(guest);
    const { state = "works", detail = found ?? "" } = typeof found === "object" ? found : {};
    return { ...about, ok: true, state, seconds: seconds(started), detail: String(detail) };
  } catch (error) {
    return { ...about, ok: false, seconds: seconds(started), detail: describe(error) };
  }
}

function describe(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (!(error instanceof AggregateError)) return text;
  return [text, ...error.errors.map(describe)].join("; ");
}

function seconds(started: number): number {
  return Number(((performance.now() - started) / 1000).toFixed(1));
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Then the check that is under way ends, and the world is taken away. */
let stopped = false;
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    stopped = true;
  });

const [phase = "", extent = ""] = process.argv.slice(2);
process.exitCode = (await main(phase, extent)) ? 0 : 1;
