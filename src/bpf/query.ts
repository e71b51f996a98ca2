// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync } from "node:fs";
import { ERRNO, syscallError } from "../native/errno.ts";
import { libbpf } from "../native/libbpf.ts";
import { ATTACH_TYPE, type AttachType } from "./attach-types.ts";

/**
 * The ids of the programs that are attached at a cgroup or network namespace (a path), or, for tcx, at an
 * interface (its index), by whomever, in the order in which they run. Empty where the kernel does not know
 * the attach type.
 */
export function attachedPrograms(target: string | number, type: AttachType): number[] {
  if (typeof target === "number") return query(target, type, `interface ${target}`);
  const fd = openSync(target, "r");
  try {
    return query(fd, type, target);
  } finally {
    closeSync(fd);
  }
}

function query(target: number, type: AttachType, where: string): number[] {
  for (let room = 64; ; room *= 2) {
    const ids = new Uint32Array(room);
    const count = Uint32Array.of(room);
    const flags = new Uint32Array(1);
    const result = libbpf().bpf_prog_query(target, ATTACH_TYPE[type].value, 0, flags, ids, count);
    if (result === 0) return [...ids.subarray(0, count[0])];
    if (result === -ERRNO.EINVAL) return [];
    if (result !== -ERRNO.ENOSPC) throw syscallError(`cannot list the ${type} programs of ${where}`, -result);
  }
}
