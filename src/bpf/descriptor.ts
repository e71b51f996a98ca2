// SPDX-License-Identifier: Apache-2.0
import { readFileSync, readlinkSync } from "node:fs";
import { TproxyError } from "../core/errors.ts";
import { Descriptor } from "../native/descriptor.ts";
import { ERRNO, errnoName, syscallError } from "../native/errno.ts";
import { libbpf } from "../native/libbpf.ts";

/** What a descriptor of the bpf(2) system call can stand for. */
export type DescriptorKind = "map" | "prog" | "link";

/** Opens a pin, and makes sure that it is of the kind that the caller takes it for. */
export function openPin(path: string, kind: DescriptorKind): Descriptor {
  const { descriptor, found } = open(path);
  if (kindOf(found) === kind) return descriptor;
  descriptor[Symbol.dispose]();
  throw new TproxyError("STATE_DAMAGED", `${path} is no BPF ${kind} (but ${found})`);
}

/** Opens a pin if it is of a kind; undefined where it is of another one. */
export function openPinIf(path: string, kind: DescriptorKind): Descriptor | undefined {
  const { descriptor, found } = open(path);
  if (kindOf(found) === kind) return descriptor;
  descriptor[Symbol.dispose]();
  return undefined;
}

/** Opens a pin of any kind; undefined where it has gone, or is none. */
export function openAnyPin(
  path: string,
): { readonly kind: DescriptorKind; readonly descriptor: Descriptor } | undefined {
  const fd = libbpf().bpf_obj_get(path);
  if (fd < 0) return undefined;
  const descriptor = new Descriptor(fd);
  const kind = kindOf(nameOf(fd));
  if (kind !== undefined) return { kind, descriptor };
  descriptor[Symbol.dispose]();
  return undefined;
}

function open(path: string): { readonly descriptor: Descriptor; readonly found: string } {
  const fd = libbpf().bpf_obj_get(path);
  if (fd < 0)
    throw new TproxyError("STATE_DAMAGED", `cannot open the pin ${path}: ${errnoName(-fd)}`, { errno: -fd });
  return { descriptor: new Descriptor(fd), found: nameOf(fd) };
}

/** What the kernel calls it: `anon_inode:bpf-map`, `anon_inode:bpf_link`. */
function nameOf(fd: number): string {
  return readlinkSync(`/proc/self/fd/${fd}`).replace("_", "-");
}

function kindOf(name: string): DescriptorKind | undefined {
  return KINDS.find((kind) => name.includes(`bpf-${kind}`));
}

const KINDS: readonly DescriptorKind[] = ["map", "prog", "link"];

/** Opens by the kernel's id; undefined where it has gone, or (a link) somebody is about to make it. */
export function openId(id: number, kind: DescriptorKind): Descriptor | undefined {
  const call = `bpf_${kind}_get_fd_by_id` as const;
  const fd = libbpf()[call](id);
  if (fd === -ERRNO.ENOENT || fd === -ERRNO.EAGAIN) return undefined;
  if (fd < 0) throw syscallError(`${call}(${id})`, -fd);
  return new Descriptor(fd);
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
