// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../../core/errors.ts";
import { runToEnd } from "../../host/exec.ts";
import type { Executables } from "./executables.ts";
import { hintForRefusal, quoteRefusal } from "./refusal.ts";

/** What our rules match with. Targets cannot be asked for in the same way, but for the one that may be left out. */
const MATCHES = ["tcp", "udp", "owner", "comment", "multiport", "conntrack"] as const;
const ZONE_TARGET = "CT";

/** Without these there is no redirection. */
const INDISPENSABLE = ["tcp", "owner"];

export interface Modules {
  /** Rules can carry comments. */
  readonly comments: boolean;
  /** Traffic can be put into zones of connection tracking. */
  readonly zones: boolean;
  /** Of tcp, udp, owner, comment, multiport, conntrack and CT, in this order. */
  readonly missing: readonly string[];
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Finds out which modules are there, both in iptables and, as it asks the kernel by itself, in the kernel. One process,
 * and one more for each that is missing: `iptables -m tcp -m udp … -j CT -h` ends with the first match that is missing;
 * a missing target only lacks in its help. Changes nothing, in legacy neither (`iptables-restore --test` would make the
 * kernel create the tables there). Without root the kernel is not asked.
 *
 * @throws TproxyError IPTABLES_UNUSABLE where tcp or owner is missing, or iptables does not work
 */
export async function probeModules(executables: Pick<Executables, "iptables">): Promise<Modules> {
  const missing = await findMissing(executables);
  const lacking = INDISPENSABLE.filter((name) => missing.includes(name));
  if (lacking.length > 0) throw unusable(executables, lacking);
  const comments = !missing.includes("comment");
  const zones = !missing.includes("conntrack") && !missing.includes(ZONE_TARGET);
  const notes = [
    ...(comments
      ? []
      : ["The module comment of iptables is missing: the rules are written without comments."]),
    ...(zones
      ? []
      : ["The module conntrack or CT of iptables is missing: DNS traffic is not split into zones."]),
  ];
  return { comments, zones, missing, notes };
}

export async function findMissing({ iptables }: Pick<Executables, "iptables">): Promise<string[]> {
  const missing: string[] = [];
  for (;;) {
    const there = MATCHES.filter((name) => !missing.includes(name));
    const args = [...there.flatMap((name) => ["-m", name]), "-j", ZONE_TARGET, "-h"];
    const ended = await runToEnd(iptables, args);
    if (ended.succeeded) {
      if (!new RegExp(`^${ZONE_TARGET} target options`, "m").test(ended.stdout)) missing.push(ZONE_TARGET);
      return [...MATCHES, ZONE_TARGET].filter((name) => missing.includes(name));
    }
    const name = /match `([^']+)'/.exec(ended.stderr)?.[1];
    if (name === undefined || !there.some((known) => known === name)) {
      throw new TproxyError("IPTABLES_UNUSABLE", `${iptables} does not work: ${quoteRefusal(ended)}`, {
        log: ended.stderr,
        hint: hintForRefusal(ended),
        cause: ended.cause,
      });
    }
    missing.push(name);
  }
}

function unusable({ iptables }: Pick<Executables, "iptables">, lacking: readonly string[]): TproxyError {
  const names = lacking.join(" and ");
  return new TproxyError(
    "IPTABLES_UNUSABLE",
    `${iptables} cannot match with ${names}, which every rule needs`,
    {
      hint: remedyForModules(lacking),
    },
  );
}

/** What the user can do about missing modules. */
export function remedyForModules(lacking: readonly string[]): string {
  const kernels = lacking.map((name) => (name === "tcp" || name === "udp" ? "xt_tcpudp" : `xt_${name}`));
  return `Install iptables completely; if it is, load the kernel's module (modprobe -a ${[...new Set(kernels)].join(" ")}).`;
}
