// What whole commands take, in a namespace where the proxy runs already.

import { TPROXYCTL, type World } from "../test/support/world.ts";
import type { Part, PartResult, PartRun } from "./part.ts";
import { Rounds } from "./rounds.ts";
import { runTimed, timeFigures } from "./run-timed.ts";
import { withScenes } from "./scene.ts";

export const commands: Part = {
  name: "commands",
  roundMs: 1300,
  rounds: { full: 31, quick: 9 },
  measure,
};

/** Part of every other figure here. */
const ENTER = "entering the namespace alone";
const INSTALL = "install";
const INSTALL_GOAL_MS = 250;

function measure({ repeat }: PartRun): Promise<PartResult> {
  return withScenes(1, ([world]) => measureIn(world, repeat));
}

async function measureIn(world: World | undefined, repeat: PartRun["repeat"]): Promise<PartResult> {
  if (world === undefined) throw new Error("there is no world to measure in");
  const inside = (...command: readonly string[]) => world.command(command, { cgroup: false });
  const install = inside(TPROXYCTL, ...world.installArguments());
  // In an order that leaves each round as it was found.
  const steps = [
    { name: ENTER, command: inside("/bin/true") },
    { name: INSTALL, command: install, goal: INSTALL_GOAL_MS },
    { name: "install again", command: install },
    { name: "status --json", command: inside(TPROXYCTL, "status", "--json") },
    { name: "uninstall", command: inside(TPROXYCTL, "uninstall") },
  ];
  const raw = new Rounds();
  await repeat(async () => {
    for (const { name, command } of steps) runTimed(name, command, raw);
  });
  const figures = steps.flatMap(({ name, goal }) => timeFigures(name, raw, goal));
  return { figures, raw };
}
