// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../config/config.ts";
import { type ErrorCode, TproxyError } from "../core/errors.ts";
import type { EngineName } from "./engine.ts";

/**
 * Codes that say that eBPF cannot work here, through nobody's mistake: the iptables engine may take over. An option with
 * a wrong value, a conflict, a damaged package are for the user to mend.
 */
export const NOT_POSSIBLE_HERE: readonly ErrorCode[] = [
  "KERNEL_TOO_OLD",
  "PROCESSOR_UNSUPPORTED",
  "LIBBPF_UNUSABLE",
  "CAPABILITY_MISSING",
  "CGROUP_UNUSABLE",
  "BPFFS_UNUSABLE",
  "PROGRAM_REJECTED",
  "OPTION_UNSUPPORTED",
];

/** Which engine an installation is to have: exactly one, or eBPF with iptables where that cannot work. */
export type Wish = "ebpf" | "iptables" | "ebpf-or-iptables";

/** As kumactl: iptables, unless eBPF is asked for. `--engine` says it best. */
export function wishOf({ engine, ebpf }: Pick<Config, "engine" | "ebpf">): Wish {
  if (engine === "ebpf" || engine === "iptables") return engine;
  return engine === "auto" || ebpf.enabled ? "ebpf-or-iptables" : "iptables";
}

/**
 * Does something with the engine that is wished for. Whether eBPF works is found out by letting it try: it undoes all that
 * it did when something fails.
 *
 * @param onFallback is told why eBPF cannot work, before iptables is let try. May throw OPTION_UNSUPPORTED: it need not
 * be let try
 * @returns what `action` returned, and the engine that did it
 * @throws what `action` throws; ENGINE_UNAVAILABLE where neither works
 */
export async function withEngine<T>(
  wish: Wish,
  action: (engine: EngineName) => Promise<T>,
  onFallback: (fallback: Fallback) => void,
): Promise<{ readonly engine: EngineName; readonly result: T }> {
  if (wish === "iptables") return { engine: "iptables", result: await action("iptables") };
  try {
    return { engine: "ebpf", result: await action("ebpf") };
  } catch (error) {
    if (wish === "ebpf" || !isNotPossibleHere(error)) throw error;
    const takeOver = async () => {
      onFallback({ reason: error.message, remedy: error.hint });
      return action("iptables");
    };
    return { engine: "iptables", result: await insteadOf(error, takeOver) };
  }
}

/** Why eBPF was not possible, and what the user can do about it. */
export interface Fallback {
  readonly reason: string;
  readonly remedy: string | undefined;
}

export function describeFallback({ reason, remedy }: Fallback): string {
  const what = `warning: eBPF is not possible here (${reason.replaceAll("\n", "; ")}): iptables takes over.`;
  return remedy === undefined ? what : `${what} ${remedy}`;
}

function isNotPossibleHere(error: unknown): error is TproxyError {
  if (!(error instanceof TproxyError)) return false;
  return (
    NOT_POSSIBLE_HERE.includes(error.code) || (error.code === "SYSCALL_FAILED" && isForbidden(error.errno))
  );
}

/** By a security module, by seccomp, or a program of somebody's who lets no other beside it. */
function isForbidden(errno: number | undefined): boolean {
  const [EPERM, EACCES, ENOSYS] = [1, 13, 38];
  return errno === EPERM || errno === EACCES || errno === ENOSYS;
}

const NEITHER: readonly ErrorCode[] = ["IPTABLES_UNUSABLE", "OPTION_UNSUPPORTED", "CAPABILITY_MISSING"];

/** Where iptables cannot work either, both reasons count. */
async function insteadOf<T>(ebpf: TproxyError, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof TproxyError) || !NEITHER.includes(error.code)) throw error;
    throw new TproxyError(
      "ENGINE_UNAVAILABLE",
      `neither engine works here: ${ebpf.message}; ${error.message}`,
      {
        cause: error,
        hint: [ebpf.hint, error.hint].filter((hint) => hint !== undefined).join(" "),
      },
    );
  }
}
