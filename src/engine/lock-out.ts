// SPDX-License-Identifier: Apache-2.0
import { type Family, formatAddress, isLoopback, unmapAddress } from "../core/address.ts";
import { TproxyError } from "../core/errors.ts";
import type { NetnsFact, SshAccess } from "../core/facts.ts";
import { findListeners } from "../host/listeners.ts";
import { findSshAccess } from "../host/ssh-access.ts";
import { judgeLockOut } from "../plan/judge-lock-out.ts";
import type { Plan } from "../plan/plan.ts";
import type { EngineName } from "./engine.ts";
import { findInstallation, planInForce } from "./find-installation.ts";
import type { IptablesEngine } from "./iptables/engine.ts";

/**
 * What would keep people from this host that come by SSH: undefined where nothing does.
 */
export async function findLockOut(
  plan: Plan,
  engine: EngineName,
  iptables: IptablesEngine,
): Promise<TproxyError | undefined> {
  if (!plan.inbound.redirect) return undefined;
  const listening = familiesListening(plan, engine);
  if (listening.size === 2) return undefined;
  const accesses = findSshAccess(process.env);
  if (judgeLockOut(plan, accesses, listening).length === 0) return undefined;
  const cutOff = judgeLockOut(plan, accesses, listening, await readPlanInForce(plan.netns, iptables));
  return cutOff.length === 0 ? undefined : lockOut(plan, cutOff);
}

/**
 * What is stored is there with the start of the host, before the proxy, wherever that comes from: who would not get in until
 * it listens, in one sentence; undefined: nobody is kept out.
 */
export function findLockOutAtStart(plan: Plan): string | undefined {
  const cutOff = judgeLockOut(plan, findSshAccess(process.env), new Set());
  if (cutOff.length === 0) return undefined;
  const { ports, names } = namePorts(cutOff);
  return (
    `whenever this host starts, nobody can come in by SSH before the proxy listens: until then new connections to ${names} ` +
    `are sent to port ${plan.inbound.port}. ${leaveAlone(plan.inbound, ports)}, or see that the proxy starts with the host`
  );
}

/** Without root it cannot be read. */
async function readPlanInForce(netns: NetnsFact, iptables: IptablesEngine): Promise<Plan | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  return planInForce(await findInstallation(netns, iptables));
}

/** In which families the proxy takes inbound connections. With rules, one that listens on loopback alone gets none. */
function familiesListening({ inbound }: Plan, engine: EngineName): ReadonlySet<Family> {
  const families = new Set<Family>();
  for (const { address: found } of findListeners(new Set([inbound.port]))) {
    const address = unmapAddress(found);
    if (engine === "iptables" && isLoopback(address)) continue;
    families.add(address.family);
    // An IPv6 socket takes both, unless it was told not to.
    if (address.bytes.every((byte) => byte === 0)) families.add(4);
  }
  return families;
}

function lockOut({ inbound }: Plan, cutOff: readonly SshAccess[]): TproxyError {
  const { ports, names } = namePorts(cutOff);
  return new TproxyError(
    "LOCK_OUT",
    `nobody could come in by SSH any more: new connections to ${names} would be sent to port ` +
      `${inbound.port}, where nothing listens`,
    {
      hint:
        `${leaveAlone(inbound, ports)}, or start the proxy first. --force installs all the same; ` +
        "with --confirm-within 60s it is put back unless you confirm it.",
    },
  );
}

function namePorts(cutOff: readonly SshAccess[]): { readonly ports: number[]; readonly names: string } {
  const ports = [...new Set(cutOff.map(({ port }) => port))].sort((a, b) => a - b);
  const names = ports.map(
    (port) => `port ${port} (${describe(cutOff.filter((each) => each.port === port))})`,
  );
  return { ports, names: names.join(" and ") };
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
