// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../../config/config.ts";
import { type Address, type Family, formatAddress, isLoopback } from "../../core/address.ts";
import { TproxyError } from "../../core/errors.ts";
import type { Plan } from "../../plan/plan.ts";
import { checkTable } from "./check-table.ts";
import { wantsZones } from "./context.ts";
import type { Executables } from "./executables.ts";
import { type Found, findExecutables } from "./find-executables.ts";
import { isUsable } from "./find-family.ts";
import { type Modules, probeModules } from "./modules.ts";

/** The options that are about iptables itself. */
export type IptablesConfig = Pick<
  Config,
  "iptablesExecutables" | "comments" | "verbose" | "redirect" | "wait" | "waitInterval" | "retry"
>;

export interface Tools {
  /** One for each family that is to have rules. */
  readonly executables: readonly Executables[];
  readonly modules: Modules;
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Finds what rules for a plan are applied with. Changes nothing.
 *
 * @throws TproxyError IPTABLES_UNUSABLE, also where IPv6 is to be redirected and cannot be: half of the traffic would
 * pass by the proxy
 */
export async function prepare(plan: Plan, config: IptablesConfig): Promise<Tools> {
  const families = familiesOf(plan);
  const found = await findExecutables({ given: config.iptablesExecutables, ipv6: families.includes(6) });
  const executables = families.includes(6) ? [found.ipv4, ...ipv6Of(found, plan)] : [found.ipv4];
  const modules = await probeModules(found.ipv4);
  const refused = modules.zones && wantsZones(plan, config) ? await refusalOfZones(found.ipv4) : undefined;
  return {
    executables,
    modules: refused === undefined ? modules : { ...modules, zones: false },
    notes: [...found.notes, ...modules.notes, ...(refused ?? []), ...noteIpv6(plan, executables)],
  };
}

/** As kumactl, a kernel without the table raw has no zones. Undefined where there is one, or nobody may try. */
async function refusalOfZones(executables: Executables): Promise<string[] | undefined> {
  const { state, found, remedy = "" } = await checkTable(executables, "raw");
  return state === "limited" ? [`${found}. ${remedy}`] : undefined;
}

/** As kumactl: no rules for IPv6 where there is none but on the loopback interface. */
export function familiesOf(plan: Plan): readonly Family[] {
  return plan.ipv6 && ipv6Addresses(plan).length > 0 ? [4, 6] : [4];
}

function ipv6Addresses({ interfaces }: Plan): Address[] {
  return interfaces
    .flatMap(({ addresses }) => addresses)
    .filter((address) => address.family === 6 && !isLoopback(address));
}

/** Link-local addresses alone, which every interface has, lead nowhere: then IPv6 is left out, as kumactl does. */
function ipv6Of({ ipv6 }: Found, plan: Plan): Executables[] {
  if (isUsable(ipv6)) return [ipv6];
  const routed = ipv6Addresses(plan).filter((address) => !isLinkLocal(address));
  if (routed.length === 0) return [];
  throw new TproxyError(
    "IPTABLES_UNUSABLE",
    `IPv6 cannot be redirected: ${ipv6.unusable}. This network namespace has ${routed.map(formatAddress).join(", ")}`,
    {
      hint:
        "Install iptables completely (apt-get install iptables), name its programs with --iptables-executables, " +
        "or leave IPv6 alone with --ip-family-mode ipv4.",
    },
  );
}

/** fe80::/10 */
function isLinkLocal({ bytes }: Address): boolean {
  return bytes[0] === 0xfe && ((bytes[1] ?? 0) & 0xc0) === 0x80;
}

function noteIpv6(plan: Plan, executables: readonly Executables[]): string[] {
  if (!plan.ipv6 || executables.some(({ family }) => family === 6)) return [];
  return ipv6Addresses(plan).length === 0
    ? ["IPv6 is left alone: there is no IPv6 address here; install again when there is one"]
    : ["IPv6 is left alone: ip6tables is not usable, and there are link-local addresses only"];
}
