// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync } from "node:fs";
import { systemErrorCode, TproxyError } from "../core/errors.ts";
import { ERRNO, syscallError } from "../native/errno.ts";
import { libbpf } from "../native/libbpf.ts";
import { ATTACH_TYPE, type AttachType } from "./attach-types.ts";

/** How the programs at a cgroup were attached: `BPF_F_ALLOW_*`. Neither of the two: no other may be beside them, or below. */
export const ATTACH_FLAG = { override: 1, multi: 2 } as const;

export interface Attached {
  /** In the order in which they run. */
  readonly ids: readonly number[];
  /** Of a cgroup: bits of `ATTACH_FLAG`. */
  readonly flags: number;
}

/**
 * The ids of the programs that are attached at a cgroup or network namespace (a path), or, for tcx, at an
 * interface (its index), by whomever, in the order in which they run. Empty where the kernel does not know
 * the attach type.
 */
export function attachedPrograms(target: string | number, type: AttachType): readonly number[] {
  return queryPrograms(target, type)?.ids ?? [];
}

/**
 * The same, and how they were attached. A number is also the descriptor of a map of sockets (Linux 5.18). Undefined where
 * the path or interface is gone, or the kernel cannot tell.
 */
export function queryPrograms(target: string | number, type: AttachType): Attached | undefined {
  if (typeof target === "number") return query(target, type, `target ${target}`);
  const fd = openUnlessGone(target);
  if (fd === undefined) return undefined;
  try {
    return query(fd, type, target);
  } finally {
    closeSync(fd);
  }
}

function openUnlessGone(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT") return undefined;
    throw new TproxyError("SYSCALL_FAILED", `cannot open ${path}`, { cause });
  }
}

/** EBADF: a cgroup was removed while it was open; ENODEV: an interface was. */
const CANNOT_TELL: readonly number[] = [ERRNO.EINVAL, ERRNO.EBADF, ERRNO.ENODEV, ERRNO.EOPNOTSUPP];

function query(target: number, type: AttachType, where: string): Attached | undefined {
  for (let room = 64; ; room *= 2) {
    const ids = new Uint32Array(room);
    const count = Uint32Array.of(room);
    const flags = new Uint32Array(1);
    const result = libbpf().bpf_prog_query(target, ATTACH_TYPE[type].value, 0, flags, ids, count);
    if (result === 0) return { ids: [...ids.subarray(0, count[0])], flags: flags[0] ?? 0 };
    if (CANNOT_TELL.includes(-result)) return undefined;
    if (result !== -ERRNO.ENOSPC) throw syscallError(`cannot list the ${type} programs of ${where}`, -result);
  }
}
