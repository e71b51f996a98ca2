// What is tried on each kernel. Of the suites that run on this machine (test/conformance, lifecycle, load, …) it is the part
// that depends on the kernel. An emulated processor starts tproxyctl in 3 to 6 s, so all of it would take hours; and vitest
// itself is left out. "brief" (./scripts/test) leaves out what is marked `whole`.
//
// - The table of TCP situations: its first set, with the options as they are by default. The other 17 differ in options, which
//   the same programs read from maps: 393 situations and 34 starts of tproxyctl more.
// - DNS: a part of the set in which all queries are redirected. The others differ in what is redirected, which no kernel decides.
// - Lifecycle: install, change, uninstall, what is found missing; killed at two places of the 140.
// - iptables: both directions and families, changes, removal.

import { startDnsWorld } from "../conformance/dns-world.ts";
import { startWorld } from "../conformance/try-situation.ts";
import { SK_LOOKUP, TC } from "../conformance/ways.ts";
import { TPNET, World } from "../support/world.ts";
import type { Group } from "./check.ts";
import { dnsChecks } from "./dns-checks.ts";
import { ebpfChecks } from "./ebpf-checks.ts";
import { fallbackChecks } from "./fallback-checks.ts";
import { IPTABLES_FLAGS, iptablesChecks } from "./iptables-checks.ts";
import { LIFECYCLE } from "./lifecycle-checks.ts";
import { situationChecks } from "./situation-checks.ts";

const NO_CGROUP2 = { code: "CGROUP_UNUSABLE", reason: /no cgroup2 file system is mounted here/ };
const TOO_OLD = { code: "KERNEL_TOO_OLD", reason: /this is Linux 2\.6\.\d+\S*, older than 5\.7/ };

/** On a machine where only cgroup v1 is mounted. */
const WITHOUT_CGROUP2: readonly Group[] = [
  { name: "cgroup v1", flags: [], withCgroup: false, checks: fallbackChecks(NO_CGROUP2) },
];

/** The same where cgroup2 is mounted, in a mount namespace without it. */
export const CGROUP2_HIDDEN: readonly Group[] = [
  {
    name: "no cgroup2",
    flags: [],
    within: [TPNET, "run", "--umount-cgroup2", "--"],
    checks: fallbackChecks(NO_CGROUP2),
  },
];

const ALL: readonly Group[] = [
  { name: "sk_lookup", flags: SK_LOOKUP.flags, checks: ebpfChecks("sk_lookup") },
  { name: "tc", flags: TC.flags, start: withOtherHost, checks: ebpfChecks("tc") },
  { name: "dns", flags: SK_LOOKUP.flags, start: startDnsWorld, checks: dnsChecks("dns") },
  { name: "lifecycle", flags: SK_LOOKUP.flags, whole: true, checks: LIFECYCLE },
  { name: "nft", flags: IPTABLES_FLAGS.nft, whole: true, checks: iptablesChecks("nft") },
  { name: "legacy", flags: IPTABLES_FLAGS.legacy, whole: true, checks: iptablesChecks("legacy") },
  {
    name: "2.6",
    flags: [],
    whole: true,
    within: ["setarch", "--uname-2.6"],
    checks: fallbackChecks(TOO_OLD).slice(0, 2),
  },
  {
    name: "table",
    flags: SK_LOOKUP.flags,
    whole: true,
    start: startWorld,
    checks: situationChecks(SK_LOOKUP, 1),
  },
];

/** One that comes by an interface which is not named. */
function withOtherHost(): Promise<World> {
  return World.create((world) => world.addHost("other", "eth1", 1));
}

export type Extent = "brief" | "whole";

export function groups(extent: Extent): readonly Group[] {
  return within(extent, ALL);
}

export function withoutCgroup2(extent: Extent): readonly Group[] {
  return within(extent, WITHOUT_CGROUP2);
}

/** "brief" is what a part of `./scripts/test` has time for. */
function within(extent: Extent, all: readonly Group[]): readonly Group[] {
  if (extent === "whole") return all;
  return all
    .filter(({ whole }) => whole !== true)
    .map((group) => ({ ...group, checks: group.checks.filter(({ whole }) => whole !== true) }));
}
