// SPDX-License-Identifier: Apache-2.0
import type { InterfaceFact } from "../../core/facts.ts";
import { type Finding, finding, INSTALL_AGAIN } from "../finding.ts";
import type { HookStatus } from "./hook-status.ts";
import { describeHook, type TcHook } from "./hooks.ts";
import type { InstanceRecord } from "./record.ts";

/** What of this host the hooks depend on. */
export interface HookPlaces {
  readonly interfaces: readonly InterfaceFact[];
  /** Whether there is a cgroup2 at the installation's path. */
  readonly cgroupExists: boolean;
}

type Remembered = Pick<InstanceRecord, "cgroupPath" | "tcInterface">;

/** What is amiss with the hooks of an installation, each with its reason where that can be seen. Pure. */
export function hookFindings(
  hooks: readonly HookStatus[],
  record: Remembered,
  places: HookPlaces,
): Finding[] {
  const cgroup = cgroupFinding(hooks, record, places);
  const explained = cgroup !== undefined;
  return [
    ...(explained ? [cgroup] : []),
    ...hooks.flatMap((each) =>
      explained && each.hook.kind === "cgroup" ? [] : oneHook(each, record, places),
    ),
    ...addedInterfaces(hooks, record, places),
  ];
}

/** One finding for all of them: the links of a cgroup end with it. */
function cgroupFinding(
  hooks: readonly HookStatus[],
  { cgroupPath }: Remembered,
  { cgroupExists }: HookPlaces,
): Finding | undefined {
  const own = hooks.filter(({ hook }) => hook.kind === "cgroup");
  if (own.length === 0 || own.some(({ state }) => state !== "detached")) return undefined;
  if (cgroupExists)
    return finding(
      "cgroup-gone",
      `no program is attached to the cgroup ${cgroupPath}: it was removed and made anew, or all were detached`,
      INSTALL_AGAIN,
    );
  return finding(
    "cgroup-gone",
    `the cgroup ${cgroupPath} is gone, and with it what was attached there`,
    "make it again and run `tproxyctl install`, or install with another --ebpf-cgroup-path.",
  );
}

function oneHook({ hook, state }: HookStatus, record: Remembered, { interfaces }: HookPlaces): Finding[] {
  const place = hook.kind === "tc" ? interfaceFinding(hook, record, interfaces) : undefined;
  if (place !== undefined) return [place];
  const where = describeHook(hook, record.cgroupPath);
  switch (state) {
    case "attached":
      return [];
    case "detached":
      return [finding("hook-detached", `the program ${hook.program} is detached (${where})`, INSTALL_AGAIN)];
    case "replaced":
      return [
        finding(
          "hook-replaced",
          `the program ${hook.program} is replaced: another one runs in its place (${where})`,
          INSTALL_AGAIN,
        ),
      ];
  }
}

/** The name is what the user gave, the index is what the program is attached to. */
function interfaceFinding(
  { interface: name, index }: TcHook,
  { tcInterface }: Remembered,
  interfaces: readonly InterfaceFact[],
): Finding | undefined {
  const named = interfaces.find((each) => each.name === name);
  const same = interfaces.find((each) => each.index === index);
  if (named !== undefined && named.index !== index)
    return finding(
      "interface-replaced",
      `${name} is another interface than the one that was installed on (index ${named.index}, not ${index})`,
      INSTALL_AGAIN,
    );
  if (same === undefined)
    return finding(
      "interface-gone",
      `the interface ${name} is gone`,
      tcInterface === undefined
        ? INSTALL_AGAIN
        : "when it is back, `tproxyctl install` sets it right; --ebpf-tc-attach-iface names another one.",
    );
  if (same.name !== name)
    return finding(
      "interface-renamed",
      `the interface ${name} is called ${same.name} by now; what arrives there is intercepted`,
      `give the next install ${tcInterface === undefined ? "the new name where it is named" : `--ebpf-tc-attach-iface ${same.name}`}.`,
    );
  if (tcInterface !== undefined && !same.up)
    return finding(
      "interface-down",
      `the interface ${name} is down: nothing arrives there`,
      `\`ip link set ${name} up\` sets it right.`,
    );
  return undefined;
}

/** Where tc stands on all interfaces, one that comes later has no program. */
function addedInterfaces(
  hooks: readonly HookStatus[],
  { tcInterface }: Remembered,
  { interfaces }: HookPlaces,
): Finding[] {
  const known = hooks.flatMap(({ hook }) => (hook.kind === "tc" ? [hook] : []));
  if (tcInterface !== undefined || known.length === 0) return [];
  const isKnown = (each: InterfaceFact) =>
    known.some((hook) => hook.index === each.index || hook.interface === each.name);
  return interfaces
    .filter((each) => !each.loopback && !isKnown(each))
    .map(({ name }) =>
      finding(
        "interface-added",
        `the interface ${name} was not there: what arrives on it passes the proxy by`,
        INSTALL_AGAIN,
      ),
    );
}
