// SPDX-License-Identifier: Apache-2.0
import { type Family, formatAddress, isLoopback, unmapAddress } from "../core/address.ts";
import { TproxyError } from "../core/errors.ts";
import type { SshAccess } from "../core/facts.ts";
import { findSshAccess } from "../host/ssh-access.ts";
import { readTcpSockets, TCP_STATE } from "../host/tcp-sockets.ts";
import { type CutOff, judgeLockOut, type LockOut, reachableFamilies } from "../plan/judge-lock-out.ts";
import type { Plan } from "../plan/plan.ts";
import type { EngineName } from "./engine.ts";
import { findDestination } from "./find-installation.ts";
import type { IptablesEngine } from "./iptables/engine.ts";

export interface FoundLockOut {
  readonly refusal: TproxyError | undefined;
  /** One sentence each. */
  readonly warnings: readonly string[];
}

/** What would keep people from this host that come by SSH: from all of it, or from one family. */
export async function findLockOut(
  plan: Plan,
  engine: EngineName,
  iptables: IptablesEngine,
): Promise<FoundLockOut> {
  if (!plan.inbound.redirect) return NOTHING;
  const listening = familiesListening(plan, engine);
  if (listening.size === 2) return NOTHING;
  const accesses = findSshAccess(process.env);
  if (isNothing(judgeLockOut(plan, accesses, listening))) return NOTHING;
  const inForce = isRoot() ? await findDestination(plan.netns, iptables) : undefined;
  const { refused, narrowed } = judgeLockOut(plan, accesses, listening, inForce);
  return {
    refusal: refused.length === 0 ? undefined : lockOut(plan, refused),
    warnings: FAMILIES.flatMap((family) => {
      const ofFamily = narrowed.filter(({ families }) => families.includes(family));
      const other = family === 4 ? 6 : 4;
      return ofFamily.length === 0
        ? []
        : [`${describeCutOff(plan, ofFamily)}; by IPv${other} they still can`];
    }),
  };
}

/**
 * What is stored is there with the start of the host, before the proxy, wherever that comes from: who would not get in until
 * it listens, in one sentence; undefined: nobody is kept out.
 */
export function findLockOutAtStart(plan: Plan): string | undefined {
  const { refused } = judgeLockOut(plan, findSshAccess(process.env), new Set());
  if (refused.length === 0) return undefined;
  return (
    `SSH needs the proxy whenever this host starts: until it listens, new connections to ${namePorts(refused)} are sent to ` +
    `port ${plan.inbound.port}. ${leaveAlone(plan.inbound, portsOf(refused))}, or see that the proxy starts with the host`
  );
}

const FAMILIES = [4, 6] as const satisfies readonly Family[];

const NOTHING: FoundLockOut = { refusal: undefined, warnings: [] };

function isNothing({ refused, narrowed }: LockOut): boolean {
  return refused.length + narrowed.length === 0;
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** In which families the proxy takes inbound connections. With rules, one that listens on loopback alone gets none. */
function familiesListening({ inbound }: Plan, engine: EngineName): ReadonlySet<Family> {
  const families = new Set<Family>();
  const listeners = readTcpSockets(new Set([TCP_STATE.listen]));
  for (const { local, isIpv6Only } of listeners.filter(({ local }) => local.port === inbound.port)) {
    const address = unmapAddress(local.address);
    if (engine === "iptables" && isLoopback(address)) continue;
    families.add(address.family);
    // An IPv6 socket takes both, unless it was told not to.
    if (address.bytes.every((byte) => byte === 0) && isIpv6Only !== true) families.add(4);
  }
  return families;
}

function lockOut(plan: Plan, cutOff: readonly CutOff[]): TproxyError {
  return new TproxyError("LOCK_OUT", describeCutOff(plan, cutOff), {
    hint:
      `${leaveAlone(plan.inbound, portsOf(cutOff))}, or start the proxy first. --force installs all the same; ` +
      "with --confirm-within 60s it is put back unless you confirm it.",
  });
}

/** The family is named where there is another one. */
function describeCutOff(plan: Plan, cutOff: readonly CutOff[]): string {
  const families = new Set(cutOff.flatMap((each) => each.families));
  const isOne = families.size === 1 && reachableFamilies(plan).some((family) => !families.has(family));
  const name = isOne ? `IPv${[...families].join()}` : undefined;
  const over = name === undefined ? "" : ` over ${name}`;
  const who = cutOff.some(({ access }) => access.kind === "server")
    ? `nobody could come in by SSH${over} any more`
    : `who is here by SSH${over} could not come in again`;
  return (
    `${who}: new connections to ${namePorts(cutOff)} would be sent to port ${plan.inbound.port}, ` +
    `where nothing listens${name === undefined ? "" : ` by ${name}`}`
  );
}

function namePorts(cutOff: readonly CutOff[]): string {
  const names = portsOf(cutOff).map((port) => {
    const accesses = cutOff.map(({ access }) => access).filter((each) => each.port === port);
    return `port ${port} (${describe(accesses)})`;
  });
  return names.join(" and ");
}

function portsOf(cutOff: readonly CutOff[]): number[] {
  return [...new Set(cutOff.map(({ access }) => access.port))].sort((a, b) => a - b);
}

/** Each once: a server listens on several addresses, and a session may be of two processes. */
function describe(accesses: readonly SshAccess[]): string {
  const texts = accesses.map(({ peer, holder }) =>
    peer === undefined ? holder : `a session from ${formatAddress(peer)}`,
  );
  const unique = [...new Set(texts)];
  const shown = unique.slice(0, MOST_NAMED).join("; ");
  return unique.length > MOST_NAMED ? `${shown}; and ${unique.length - MOST_NAMED} more` : shown;
}

const MOST_NAMED = 3;

/** More ports than somebody would type came from a file. */
const MOST_LISTED = 20;

/** What to add, or take away, so that these ports are left alone. */
function leaveAlone({ includedPorts, excludedPorts }: Plan["inbound"], ports: readonly number[]): string {
  const named = ports.join(" and ");
  if (includedPorts.length > 0)
    return `Take ${named} out of the included ports (redirect.inbound.includePorts)`;
  const all = [...excludedPorts, ...ports].sort((a, b) => a - b);
  if (all.length > MOST_LISTED) return `Add ${named} to the ports of --exclude-inbound-ports`;
  return `Add --exclude-inbound-ports ${all.join(",")}`;
}
