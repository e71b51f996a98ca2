import { expect, test } from "vitest";
import { resolveConfig } from "../../../src/config/resolve-config.ts";
import type { Check } from "../../../src/engine/check.ts";
import {
  type Asker,
  judge,
  needsTc,
  type Requirement,
  requirementsFor,
} from "../../../src/engine/ebpf/feature-requirements.ts";
import type { Features } from "../../../src/engine/ebpf/features.ts";

const NEEDED: Requirement = { feature: "map:sk_storage", what: "storage", option: "CONFIG_NET" };
const USEFUL: Requirement = { ...NEEDED, feature: "prog:sk_lookup", without: "tc steers" };
const BTF: Requirement = { feature: "btf", what: "types", option: "CONFIG_DEBUG_INFO_BTF", without: "less" };

const OLD = { major: 5, minor: 8 };
const NEW = { major: 6, minor: 18 };

type Judgement = [
  Requirement,
  string | undefined,
  Asker,
  typeof OLD,
  Check["state"],
  string,
  RegExp | undefined,
];

test.each<[string, ...Judgement]>([
  ["there", NEEDED, undefined, "permitted", NEW, "ok", "works (Linux 5.9 brought it)", undefined],
  [
    "needed, kernel too old",
    NEEDED,
    "EINVAL",
    "permitted",
    OLD,
    "missing",
    "EINVAL",
    /^Use Linux 5\.9 or newer, .*CONFIG_NET/,
  ],
  [
    "needed, not built in",
    NEEDED,
    "EINVAL",
    "permitted",
    NEW,
    "missing",
    "EINVAL",
    /^Use a kernel .* built with CONFIG_NET/,
  ],
  ["useful", USEFUL, "EINVAL", "permitted", OLD, "limited", "EINVAL: tc steers", /^Use Linux 5\.9/],
  [
    "forbidden to root",
    NEEDED,
    "EPERM (x)",
    "permitted",
    NEW,
    "missing",
    "EPERM (x)",
    /seccomp .*user namespace/,
  ],
  ["useful, asked by a user", USEFUL, "EPERM", "user", NEW, "unknown", "EPERM", /as root/],
  [
    "asked without capabilities",
    NEEDED,
    "EPERM",
    "weak-root",
    NEW,
    "unknown",
    "EPERM: not to be told without capabilities",
    undefined,
  ],
  [
    "asking needs no permission",
    BTF,
    "no kernel BTF",
    "user",
    NEW,
    "limited",
    "no kernel BTF: less",
    /CONFIG_DEBUG_INFO_BTF/,
  ],
])("%s", (_title, requirement, reason, asker, running, state, found, remedy) => {
  const result = { available: reason === undefined, reason, kernel: "5.9" };
  const check = judge(requirement, result, asker, running);
  expect(check).toMatchObject({ what: requirement.what, state, found });
  if (remedy === undefined) expect(check.remedy).toBeUndefined();
  else expect(check.remedy).toMatch(remedy);
});

test("names are words for scripts", () => {
  expect(judge(NEEDED, { available: true, reason: undefined, kernel: "5.2" }, "user", NEW).name).toBe(
    "map-sk-storage",
  );
});

const FEATURES: Features = {
  getpeername: true,
  lookup: true,
  lookupKnowsIfindex: true,
  sockopsKnowsNetns: true,
  tcx: true,
};

test.each([
  ["by default", true, "", true, false],
  ["an interface is named", true, "eth0", true, true],
  ["no sk_lookup", true, "", false, true],
  ["outbound alone", false, "eth0", false, false],
])("tc is needed: %s", (_title, enabled, tcAttachIface, lookup, expected) => {
  const { ebpf, redirect } = resolveConfig([]).config;
  const config = {
    ebpf: { ...ebpf, tcAttachIface },
    redirect: { ...redirect, inbound: { ...redirect.inbound, enabled } },
  };
  expect(needsTc(config, { ...FEATURES, lookup })).toBe(expected);
});

test.each([
  ["neither", { tc: false, dns: false }, []],
  ["tc", { tc: true, dns: false }, ["prog:sched_cls", "sched_cls:skc_lookup_tcp", "sched_cls:sk_assign"]],
  [
    "DNS",
    { tc: false, dns: true },
    ["prog:sendmsg4", "prog:sendmsg6", "prog:recvmsg4", "prog:recvmsg6", "map:lru_hash"],
  ],
])("beside what every installation needs: %s", (_title, needs, expected) => {
  const neededFor = (what: typeof needs) =>
    requirementsFor(what).flatMap(({ feature, without }) => (without === undefined ? [feature] : []));
  const always = neededFor({ tc: false, dns: false });
  expect(neededFor(needs).filter((feature) => !always.includes(feature))).toEqual(expected);
  // What is not needed is asked for all the same, and said to limit.
  const names = (what: typeof needs) => requirementsFor(what).map(({ feature }) => feature);
  expect(names(needs)).toEqual(names({ tc: true, dns: true }));
});
