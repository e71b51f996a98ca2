// The table of the design, as the conformance suite has it, tried without vitest, which would need longer to start in a guest
// than the table takes.

import { deepEqual, ok } from "node:assert/strict";
import { existsSync } from "node:fs";
import type { OptionSet, Situation } from "../conformance/situation.ts";
import { OPTION_SETS } from "../conformance/situations.ts";
import { outcome, prefixed, tryOut, wanted } from "../conformance/try-situation.ts";
import type { Way } from "../conformance/ways.ts";
import type { Check } from "./check.ts";

/** @param count how many sets of options; all by default */
export function situationChecks(way: Way, count = OPTION_SETS.length): readonly Check[] {
  return OPTION_SETS.slice(0, count).map((set) => ({
    name: set.title,
    run: async ({ world, flags }) => {
      const situations = set.situations.filter(isPossibleHere);
      await world.installIn(prefixed(set.variables), ...flags, ...set.flags);
      const problems: string[] = [];
      for (const situation of situations) {
        const found = outcome(await tryOut(world, situation), way);
        try {
          deepEqual(found, wanted(situation, set.ports));
        } catch {
          problems.push(`${situation.name}: ${situation.expected}, and not ${JSON.stringify(found)}`);
        }
      }
      if (way.engine === "ebpf") await expectCounted(await world.counter(way.counter), set);
      await world.uninstall();
      ok(problems.length === 0, problems.join("; "));
      return `${situations.length} situations`;
    },
  }));
}

/** Linux 5.6, where it was built with it. */
function isPossibleHere({ options }: Situation): boolean {
  return !options.includes("--mptcp") || existsSync("/proc/sys/net/mptcp");
}

/** It was this way that took them. */
async function expectCounted(count: number, { situations }: OptionSet): Promise<void> {
  const inbound = situations.filter(({ host, expected }) => host === "remote" && expected === "inbound");
  const least = inbound.filter(isPossibleHere).length;
  ok(count >= least, `${count} connections were counted, not ${least}`);
}
