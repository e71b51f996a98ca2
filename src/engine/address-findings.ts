// SPDX-License-Identifier: Apache-2.0
import { formatAddress, formatPrefix, type Prefix, parsePrefix, prefixContains } from "../core/address.ts";
import type { HostFacts } from "../core/facts.ts";
import { planAddresses } from "../plan/make-plan.ts";
import { PASSTHROUGH_ADDRESS } from "../plan/plan.ts";
import { keptPlan } from "../plan/plan-json.ts";
import { type Finding, type FindingCode, finding, INSTALL_AGAIN } from "./finding.ts";
import type { CommonRecord } from "./record.ts";

const LINK_LOCAL: Prefix = {
  address: { family: 6, bytes: Uint8Array.of(0xfe, 0x80, ...new Array<number>(14).fill(0)) },
  length: 10,
};

/**
 * What this host delivers to itself by now, and did not when it was installed, and the other way round: the programs know
 * the addresses of then. (Rules of iptables ask the kernel.) Pure.
 *
 * A link-local address comes by itself, some time after its interface, when nobody else turned out to have it: of those
 * only a word is said.
 */
export function addressFindings(
  record: Pick<CommonRecord, "plan">,
  { localRoutes }: Pick<HostFacts, "localRoutes">,
): Finding[] {
  const plan = keptPlan(record);
  if (plan === undefined) return [];
  const then = plan.addresses.filter(({ kind }) => kind === "local").map(({ prefix }) => prefix);
  const now = planAddresses(localRoutes, "all")
    .filter(({ kind }) => kind === "local")
    .map(({ prefix }) => formatPrefix(prefix));
  const added = without(now, then);
  const lost = without(then, now);
  const linkLocal = [...added.filter(isLinkLocal), ...lost.filter(isLinkLocal)];
  return [
    ...list(
      "address-added",
      added.filter((each) => !isLinkLocal(each)),
      ADDED,
      INSTALL_AGAIN,
    ),
    ...list(
      "address-lost",
      lost.filter((each) => !isLinkLocal(each)),
      LOST,
      INSTALL_AGAIN,
    ),
    ...list("link-local-changed", linkLocal, CHANGED, "`tproxyctl install` makes that known."),
  ];
}

const ADDED =
  "this host has addresses that it did not have, where connections of applications count as remote";
const LOST = "this host lost addresses, where connections of applications still count as local";
const CHANGED = "link-local addresses of this host came or went";

function list(
  code: FindingCode,
  addresses: readonly string[],
  message: string,
  remedy: string,
): readonly Finding[] {
  return addresses.length === 0 ? [] : [finding(code, `${message}: ${addresses.join(", ")}`, remedy)];
}

/** ::6 is another finding's. */
function without(prefixes: readonly string[], others: readonly string[]): string[] {
  const known = new Set([...others, formatAddress(PASSTHROUGH_ADDRESS)]);
  return prefixes.filter((each) => !known.has(each));
}

function isLinkLocal(text: string): boolean {
  const prefix = parsePrefix(text);
  return prefix !== undefined && prefixContains(LINK_LOCAL, prefix.address);
}
