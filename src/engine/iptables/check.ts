// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../../config/config.ts";
import { ConfigError, TproxyError } from "../../core/errors.ts";
import type { CodedCheck } from "../run-check.ts";
import { checkTable } from "./check-table.ts";
import { type Executables, readVersion } from "./executables.ts";
import { type Found, findExecutables } from "./find-executables.ts";
import { isUsable, type Unusable } from "./find-family.ts";
import { findMissing, remedyForModules } from "./modules.ts";
import { checkPermission } from "./permission.ts";

/**
 * What the iptables engine needs and can use, for `doctor`: executables, modules, tables. Changes nothing in this
 * network namespace: tables are tried in one that is made for it and gone with the program. Works without root, as far
 * as it goes.
 */
export async function checkIptables(
  config: Pick<Config, "iptablesExecutables" | "ipFamilyMode">,
): Promise<readonly CodedCheck[]> {
  const found = await findOrExplain(config);
  if (found instanceof TproxyError) return [missingExecutables(found), checkPermission([])];
  const { ipv4, ipv6, notes } = found;
  return [
    await checkIpv4(ipv4, notes),
    checkPermission([ipv4.mode]),
    ...(config.ipFamilyMode === "ipv4" ? [] : [await checkIpv6(ipv6)]),
    ...(await checkModules(ipv4)),
    await checkTable(ipv4, "nat"),
    await checkTable(ipv4, "raw"),
  ];
}

async function findOrExplain({
  iptablesExecutables: given,
  ipFamilyMode,
}: Pick<Config, "iptablesExecutables" | "ipFamilyMode">): Promise<Found | TproxyError> {
  try {
    return await findExecutables({ given, ipv6: ipFamilyMode !== "ipv4" });
  } catch (error) {
    if (error instanceof ConfigError) return error;
    if (error instanceof TproxyError && error.code === "IPTABLES_UNUSABLE") return error;
    throw error;
  }
}

const IPV4 = { name: "iptables", what: "iptables for IPv4" } as const;
const IPV6 = { name: "ip6tables", what: "iptables for IPv6" } as const;

function missingExecutables(error: TproxyError): CodedCheck {
  return { ...IPV4, state: "missing", found: error.message, remedy: error.hint, code: error.code };
}

async function checkIpv4(executables: Executables, notes: readonly string[]): Promise<CodedCheck> {
  const found = [await describe(executables), ...notes].join("; ");
  return { ...IPV4, state: "ok", found, remedy: undefined };
}

async function checkIpv6(ipv6: Executables | Unusable): Promise<CodedCheck> {
  if (isUsable(ipv6)) return { ...IPV6, state: "ok", found: await describe(ipv6), remedy: undefined };
  return {
    ...IPV6,
    state: "limited",
    found: `IPv6 cannot be redirected: ${ipv6.unusable}`,
    remedy:
      "Install iptables completely, name its programs with --iptables-executables, or leave IPv6 alone with --ip-family-mode ipv4.",
  };
}

async function describe({ mode, iptables, save, restore }: Executables): Promise<string> {
  return `${mode}: ${await readVersion(iptables)} (${[iptables, save, restore].join(", ")})`;
}

/** What becomes of an installation without the module; it cannot do without the others. */
const LIMITED: Readonly<Record<string, string>> = {
  udp: "DNS traffic cannot be redirected",
  comment: "rules are written without comments",
  multiport: "--exclude-outbound-ports-for-uids does not work",
  conntrack: "DNS traffic is not split into zones, --drop-invalid-packets does not work",
  CT: "DNS traffic is not split into zones",
};

async function checkModules(executables: Executables): Promise<readonly CodedCheck[]> {
  const missing = await findMissing(executables);
  const look = (name: string, what: string, modules: readonly string[]): CodedCheck => {
    const lacking = modules.filter((module) => missing.includes(module));
    const fatal = lacking.some((module) => LIMITED[module] === undefined);
    if (lacking.length === 0)
      return { name, what, state: "ok", found: modules.join(", "), remedy: undefined };
    return {
      name,
      what,
      state: fatal ? "missing" : "limited",
      found: lacking
        .map((module) => `no ${module}: ${LIMITED[module] ?? "nothing can be redirected"}`)
        .join("; "),
      remedy: remedyForModules(lacking),
      ...(fatal ? { code: "IPTABLES_UNUSABLE" as const } : {}),
    };
  };
  return [
    look("iptables-modules", "modules of iptables", ["tcp", "udp", "owner", "comment", "multiport"]),
    look("conntrack", "connection tracking by iptables", ["conntrack", "CT"]),
  ];
}
