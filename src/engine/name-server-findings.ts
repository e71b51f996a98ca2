// SPDX-License-Identifier: Apache-2.0
import { type Address, formatAddress } from "../core/address.ts";
import { ConfigError } from "../core/errors.ts";
import { readNameservers } from "../host/resolv-conf.ts";
import { keptPlan } from "../plan/plan-json.ts";
import { type Finding, finding, INSTALL_AGAIN } from "./finding.ts";
import type { CommonRecord } from "./record.ts";

/** Whether resolv.conf names the servers whose queries are redirected, in whatever order. */
export function nameServerFindings(record: Pick<CommonRecord, "plan">): Finding[] {
  const dns = keptPlan(record)?.dns;
  if (dns?.redirect !== "servers" || dns.resolvConfPath === undefined) return [];
  const now = read(dns.resolvConfPath);
  if (typeof now === "string") return [finding("name-servers-changed", now, "mend that file.")];
  return compare(
    dns.servers === "" ? [] : dns.servers.split(","),
    now.map(formatAddress),
    dns.resolvConfPath,
  );
}

function compare(then: readonly string[], now: readonly string[], path: string): Finding[] {
  const added = now.filter((server) => !then.includes(server));
  const gone = then.filter((server) => !now.includes(server));
  const changes = [
    ...(added.length === 0 ? [] : [`${path} names ${added.join(", ")}, where queries are left alone`]),
    ...(gone.length === 0
      ? []
      : [`${path} no longer names ${gone.join(", ")}, where queries are redirected`]),
  ];
  if (changes.length === 0) return [];
  return [finding("name-servers-changed", changes.join("; "), INSTALL_AGAIN)];
}

function read(path: string): readonly Address[] | string {
  try {
    return readNameservers(path).addresses;
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ message }) => message).join("; ");
    throw error;
  }
}
