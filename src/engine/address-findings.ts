// SPDX-License-Identifier: Apache-2.0
import { formatPrefix, type Prefix, parsePrefix, prefixContains, sameAddress } from "../core/address.ts";
import type { HostFacts } from "../core/facts.ts";
import { planAddresses } from "../plan/make-plan.ts";
import { PASSTHROUGH_ADDRESS } from "../plan/plan.ts";
import { keptPlan } from "../plan/plan-json.ts";
import { type Finding, finding, INSTALL_AGAIN } from "./finding.ts";
import type { CommonRecord } from "./record.ts";

const LINK_LOCAL: Prefix = {
  address: { family: 6, bytes: Uint8Array.of(0xfe, 0x80, ...new Array<number>(14).fill(0)) },
  length: 10,
};

/**
 * What this host delivers to itself by now, and did not when it was installed, and the other way round: the programs know
 * the addresses of then. (Rules of iptables ask the kernel.) Pure.
 *
 * A link-local address comes some time after its interface, when nobody else turned out to have it, so without
 * anybody's doing: of those that came only a word is said.
 */
export function addressFindings(
  record: Pick<CommonRecord, "plan">,
  { localRoutes }: Pick<HostFacts, "localRoutes">,
): Finding[] {
  const plan = keptPlan(record);
  if (plan === undefined) return [];
  const then = plan.addresses.filter(({ kind }) => kind === "local").map(({ prefix }) => prefix);
  const now = planAddresses(localRoutes, "all")
    .filter(({ kind, prefix }) => kind === "local" && !isPassthrough(prefix))
    .map(({ prefix }) => prefix);
  const [known, present] = [new Set(then), new Set(now.map(formatPrefix))];
  const added = now.filter((prefix) => !known.has(formatPrefix(prefix)));
  const lost = then.filter((text) => !present.has(text) && !isPassthrough(parsePrefix(text)));
  const [linkLocal, others] = [added.filter(isLinkLocal), added.filter((each) => !isLinkLocal(each))];
  const list = (prefixes: readonly Prefix[]) => prefixes.map(formatPrefix).join(", ");
  const remote = "connections of applications to an address that is new count as remote";
  return [
    ...(others.length === 0
      ? []
      : [
          finding(
            "address-added",
            `this host has addresses that it did not have: ${list(others)}; ${remote}`,
            INSTALL_AGAIN,
          ),
        ]),
    ...(lost.length === 0
      ? []
      : [
          finding(
            "address-lost",
            `this host lost addresses: ${lost.join(", ")}; connections there still count as local`,
            INSTALL_AGAIN,
          ),
        ]),
    ...(linkLocal.length === 0
      ? []
      : [
          finding(
            "link-local-added",
            `this host has link-local addresses that it did not have: ${list(linkLocal)}; ${remote}`,
            "`tproxyctl install` makes them known.",
          ),
        ]),
  ];
}

function isPassthrough(prefix: Prefix | undefined): boolean {
  return prefix !== undefined && sameAddress(prefix.address, PASSTHROUGH_ADDRESS);
}

function isLinkLocal({ address }: Prefix): boolean {
  return prefixContains(LINK_LOCAL, address);
}
