// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync } from "node:fs";
import { ERRNO, syscallError } from "../native/errno.ts";
import { libbpf } from "../native/libbpf.ts";
import { ATTACH_TYPE, type AttachType } from "./attach-types.ts";
import type { BpfProgram } from "./program.ts";

/**
 * Takes a program off a cgroup (a path) or a map of sockets (a descriptor) that was put there without a link
 * (BPF_PROG_ATTACH). False where it is not there, or by a link.
 */
export function detachProgram(program: BpfProgram, target: string | number, type: AttachType): boolean {
  if (typeof target === "number") return detach(program, target, type, "a map of sockets");
  const fd = openSync(target, "r");
  try {
    return detach(program, fd, type, target);
  } finally {
    closeSync(fd);
  }
}

function detach(program: BpfProgram, target: number, type: AttachType, where: string): boolean {
  const result = libbpf().bpf_prog_detach2(program.fd, target, ATTACH_TYPE[type].value);
  if (result === 0) return true;
  if (result === -ERRNO.ENOENT) return false;
  throw syscallError(`cannot detach ${program.name} from ${where} (${type})`, -result);
}
