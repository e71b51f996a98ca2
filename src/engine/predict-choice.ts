// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../config/config.ts";
import type { ErrorCode } from "../core/errors.ts";
import { NOT_POSSIBLE_HERE, wishOf } from "./choose-engine.ts";
import type { EngineName } from "./engine.ts";
import type { CodedCheck } from "./run-check.ts";

export interface PredictedChoice {
  /** Undefined: an installation would fail. */
  readonly engine: EngineName | undefined;
  /** Goes with "because …". */
  readonly reason: string;
  readonly remedy?: string;
  /**
   * "fallback": eBPF was asked for, and iptables is what there would be. "uncertain": nothing that could be looked at
   * is in the way, but not all could be.
   */
  readonly outcome: "as-asked" | "fallback" | "uncertain" | "impossible";
}

/** Which engine `install` would use, from what was found. Pure. `install` tries; this tells beforehand, and why. */
export function predictChoice(
  config: Pick<Config, "engine" | "ebpf">,
  ebpf: readonly CodedCheck[],
  iptables: readonly CodedCheck[],
): PredictedChoice {
  const wish = wishOf(config);
  if (wish === "iptables") {
    const asked = config.engine === "iptables" ? "--engine=iptables asks for it" : "nothing asks for eBPF";
    return predictEngine("iptables", iptables, asked);
  }
  const preferred = predictEngine("ebpf", ebpf, "all that it needs is there");
  if (wish === "ebpf" || preferred.engine !== undefined) return preferred;
  if (!isNobodysMistake(decisive(ebpf))) return preferred;
  return predictFallback(preferred, predictEngine("iptables", iptables, ""), config.engine === "auto");
}

/** @param asked the reason where nothing is in the way */
function predictEngine(engine: EngineName, checks: readonly CodedCheck[], asked: string): PredictedChoice {
  const obstacle = decisive(checks);
  if (obstacle !== undefined) {
    const reason = `${engine} is not possible here: ${describe(obstacle, checks)}`;
    return { engine: undefined, reason, ...remedyOf(obstacle), outcome: "impossible" };
  }
  const unknown = checks.find(({ state }) => state === "unknown");
  if (unknown === undefined) return { engine, reason: asked, outcome: "as-asked" };
  const reason = "nothing that could be looked at is in the way";
  return { engine, reason, ...remedyOf(unknown), outcome: "uncertain" };
}

/** @param anyWillDo the best that works was asked for: iptables is no disappointment */
function predictFallback(
  preferred: PredictedChoice,
  other: PredictedChoice,
  anyWillDo: boolean,
): PredictedChoice {
  if (other.engine === undefined) {
    const remedy = [preferred.remedy, other.remedy].filter((each) => each !== undefined);
    const both =
      preferred.reason === other.reason ? preferred.reason : `${preferred.reason}; ${other.reason}`;
    return {
      ...other,
      reason: both,
      ...(remedy.length === 0 ? {} : { remedy: [...new Set(remedy)].join(" ") }),
    };
  }
  const outcome = anyWillDo ? other.outcome : "fallback";
  return { ...preferred, engine: other.engine, outcome };
}

/** The order in which `install` comes upon what is in its way; it ends, or falls back, at the first. */
const ORDER: readonly ErrorCode[] = [
  "KERNEL_TOO_OLD",
  "PROCESSOR_UNSUPPORTED",
  "CONFIG_INVALID",
  "CGROUP_UNUSABLE",
  "BPFFS_UNUSABLE",
  "CAPABILITY_MISSING",
  "IPTABLES_UNUSABLE",
  "IPTABLES_FAILED",
  "LIBBPF_UNUSABLE",
  "PROGRAMS_UNUSABLE",
];

/** Of what is missing, what `install` comes upon first. */
function decisive(checks: readonly CodedCheck[]): CodedCheck | undefined {
  const missing = checks.filter(({ state }) => state === "missing");
  return missing.toSorted((a, b) => rankOf(a) - rankOf(b))[0];
}

function rankOf({ code }: CodedCheck): number {
  const rank = code === undefined ? -1 : ORDER.indexOf(code);
  return rank === -1 ? ORDER.length : rank;
}

/** The rest is for the user to mend. What a probe does not find makes `install` fail in one of these ways. */
function isNobodysMistake(check: CodedCheck | undefined): boolean {
  return check?.code === undefined || NOT_POSSIBLE_HERE.includes(check.code);
}

function describe({ what, found, code }: CodedCheck, checks: readonly CodedCheck[]): string {
  const others = checks.filter(({ state }) => state === "missing").length - 1;
  const more = others === 0 ? "" : ` (and ${others} more)`;
  // The text of an error says by itself what it is about.
  return `${code === undefined ? `${what}: ` : ""}${found}${more}`;
}

function remedyOf({ remedy }: CodedCheck): { remedy?: string } {
  return remedy === undefined ? {} : { remedy };
}
