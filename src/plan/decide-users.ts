// SPDX-License-Identifier: Apache-2.0
import type { UserExclusion } from "../config/config.ts";
import type { NumberRange } from "../core/ranges.ts";
import { type Decision, leaveAlone } from "./decide-result.ts";
import type { Plan } from "./plan.ts";

interface Asked {
  readonly protocol: UserExclusion["protocol"];
  readonly uid: number;
  readonly port: number;
}

/** Users whose connections or queries are left alone. They come first, so the proxy's own user may be among them. */
export function leaveExcludedUsers(plan: Plan, { protocol, uid, port }: Asked): Decision | undefined {
  const found = plan.userExclusions.find(
    (each) => each.protocol === protocol && isIn(each.ports, port) && isIn(each.uids, uid),
  );
  if (found === undefined) return undefined;
  return leaveAlone(
    "excluded-user",
    `${protocol} to the ports ${format(found.ports)} by the users ${format(found.uids)} is excluded`,
    "redirect.outbound.excludePortsForUIDs",
  );
}

function isIn(ranges: readonly NumberRange[], number: number): boolean {
  return ranges.some(({ first, last }) => first <= number && number <= last);
}

/** As they are written in an option, but not more than a line can take. */
function format(ranges: readonly NumberRange[]): string {
  const texts = ranges
    .slice(0, 10)
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  return `${texts.join(",")}${ranges.length > texts.length ? ",…" : ""}`;
}
