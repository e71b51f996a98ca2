// SPDX-License-Identifier: Apache-2.0
import { closeSync, readFileSync, readlinkSync } from "node:fs";
import { TproxyError } from "../core/errors.ts";
import { ERRNO, errnoName, syscallError } from "../native/errno.ts";
import { libbpf } from "../native/libbpf.ts";

/** What a descriptor of the bpf(2) system call can stand for. */
export type DescriptorKind = "map" | "prog" | "link";

/**
 * The file descriptor of a map, program or link. Its number cannot be had once it is closed: by then it may
 * be that of another file. A borrowed one belongs to a `BpfObject` and ends with it.
 */
export class Descriptor implements Disposable {
  #fd: number;
  readonly owned: boolean;

  constructor(fd: number, { owned }: { readonly owned: boolean }) {
    if (!Number.isInteger(fd) || fd < 0) throw new TproxyError("INTERNAL", `not a file descriptor: ${fd}`);
    this.#fd = fd;
    this.owned = owned;
  }

  /** The number. Throws when closed. */
  get fd(): number {
    if (this.#fd < 0) throw new TproxyError("INTERNAL", "use of a closed file descriptor");
    return this.#fd;
  }

  /** Closes an owned descriptor and forgets a borrowed one; again and again does no harm. */
  [Symbol.dispose](): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0 && this.owned) closeSync(fd);
  }
}

/** Opens a pin, and makes sure that it is of the kind that the caller takes it for. */
export function openPin(path: string, kind: DescriptorKind): Descriptor {
  const fd = libbpf().bpf_obj_get(path);
  if (fd < 0)
    throw new TproxyError("STATE_DAMAGED", `cannot open the pin ${path}: ${errnoName(-fd)}`, { errno: -fd });
  const descriptor = new Descriptor(fd, { owned: true });
  const found = readlinkSync(`/proc/self/fd/${fd}`).replace("_", "-");
  if (found.includes(`bpf-${kind}`)) return descriptor;
  descriptor[Symbol.dispose]();
  throw new TproxyError("STATE_DAMAGED", `${path} is no BPF ${kind} (but ${found})`);
}

/** Opens by the kernel's id; undefined where it has gone. */
export function openId(id: number, kind: DescriptorKind): Descriptor | undefined {
  const call = `bpf_${kind}_get_fd_by_id` as const;
  const fd = libbpf()[call](id);
  if (fd === -ERRNO.ENOENT) return undefined;
  if (fd < 0) throw syscallError(`${call}(${id})`, -fd);
  return new Descriptor(fd, { owned: true });
}

/** Makes the file at `path` (on a bpffs) keep what `fd` stands for alive. */
export function pin(fd: number, path: string): void {
  const result = libbpf().bpf_obj_pin(fd, path);
  if (result === 0) return;
  const hint =
    result === -ERRNO.EINVAL || result === -ERRNO.EPERM ? "The directory must be on a BPF file system." : "";
  throw syscallError(`cannot pin to ${path}`, -result, hint === "" ? {} : { hint });
}

/** The kernel's info struct for a map, program or link; the first `size` bytes of it, zero where it is shorter. */
export function infoOf(fd: number, size: number): Buffer {
  const info = Buffer.alloc(size);
  const result = libbpf().bpf_obj_get_info_by_fd(fd, info, Uint32Array.of(size));
  if (result < 0) throw syscallError(`bpf_obj_get_info_by_fd(fd ${fd})`, -result);
  return info;
}

/** A fixed-size name field: up to its first zero byte. */
export function fixedString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString("latin1");
}

/** The kernel memory that a map or program takes, as the kernel accounts for it. */
export function memoryBytes(fd: number): number {
  const text = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
  return Number(/^memlock:\s*(\d+)$/m.exec(text)?.[1] ?? 0);
}
