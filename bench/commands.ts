// What whole commands take, with a proxy that runs already, and the memory of what they install.

import { createScene, memoryMiB } from "./scene.ts";
import type { Part, PartResult, PartRun } from "./part.ts";
import { Rounds } from "./rounds.ts";
import { runTimed } from "./run-timed.ts";

export const commands: Part = {
  name: "commands",
  roundMs: 1500,
  rounds: { full: 31, quick: 8 },
  measure,
};

const ENTER = "entering the namespace alone";
const INSTALL = "install";
const STEPS = [ENTER, INSTALL, "install again", "status", "uninstall"] as const;
const MEMORY = "idle memory, sk_lookup";
const MEMORY_TC = "idle memory, tc";

async function measure({ repeat }: PartRun): Promise<PartResult> {
  await using world = await createScene();
  const inside = (args: readonly string[]) => world.command(args, { cgroup: false });
  const tproxyctl = (...args: readonly string[]) => inside([TPROXYCTL, ...args]);
  const install = inside([TPROXYCTL, ...world.installArguments()]);
  const steps: Readonly<Record<(typeof STEPS)[number], readonly string[]>> = {
    [ENTER]: inside(["/bin/true"]),
    [INSTALL]: install,
    "install again": install,
    status: tproxyctl("status", "--json"),
    uninstall: tproxyctl("uninstall", "transparent-proxy"),
  };
  const raw = new Rounds();
  await repeat(async () => {
    for (const name of STEPS) raw.add(name, [runTimed(steps[name])]);
  });
}
