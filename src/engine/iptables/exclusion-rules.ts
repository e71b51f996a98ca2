// SPDX-License-Identifier: Apache-2.0
import type { UserExclusion } from "../../config/config.ts";
import type { NumberRange } from "../../core/ranges.ts";
import { type Draft, to } from "./draft.ts";
import type { FamilyPlan } from "./family-plan.ts";

/** What the kernel's `multiport` takes in one rule (XT_MULTI_PORTS). A range counts as two. */
const LONGEST_PORT_LIST = 15;

/** nat OUTPUT: users and destinations that are left alone. */
export function makeExclusionRules({ plan, excluded }: FamilyPlan): Draft[] {
  return [
    ...plan.userExclusions.flatMap(excludeUsers),
    ...excluded.outbound.map((prefix) => leaveAlone([to(prefix)], "excluded destination")),
  ];
}

/** A rule has one range of users and one list of ports; more of either are more rules. */
function excludeUsers({ protocol, ports, uids }: UserExclusion): Draft[] {
  return uids.flatMap((range) =>
    splitPorts(ports).map((list) =>
      leaveAlone(
        [
          { match: "protocol", protocol },
          { match: "destination-ports", ports: list },
          { match: "uid", uids: range },
        ],
        "excluded ports of excluded users",
      ),
    ),
  );
}

function splitPorts(ports: readonly NumberRange[]): NumberRange[][] {
  const lists: NumberRange[][] = [];
  let room = 0;
  for (const range of ports) {
    const size = range.first === range.last ? 1 : 2;
    if (size > room) {
      lists.push([]);
      room = LONGEST_PORT_LIST;
    }
    lists.at(-1)?.push(range);
    room -= size;
  }
  return lists;
}

function leaveAlone(matches: Draft["matches"], comment: string): Draft {
  return { chain: "OUTPUT", insert: true, matches, action: { action: "return" }, comment };
}
