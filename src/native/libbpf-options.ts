// SPDX-License-Identifier: Apache-2.0
import { koffi } from "./library.ts";

/*
 * libbpf's option structs, as <bpf/bpf.h> and <bpf/libbpf.h> of libbpf 1.0 lay them out on 64-bit machines.
 * The first word is the size that the caller knows: newer libraries read no further.
 */

/** A struct under construction. Whatever it points to lives as long as `bytes` is reachable. */
class Options {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #referenced: Uint8Array[] = [];

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
    this.#view.setBigUint64(0, BigInt(size), true);
  }

  u32(offset: number, value: number | undefined): this {
    if (value !== undefined) this.#view.setUint32(offset, value, true);
    return this;
  }

  pointer(offset: number, target: Uint8Array | undefined): this {
    if (target === undefined) return this;
    this.#view.setBigUint64(offset, koffi().address(target), true);
    this.#referenced.push(target);
    KEPT.set(this.bytes, this.#referenced);
    return this;
  }
}

/** What the structs point to: held here, since a number in a buffer is no reference to the collector. */
const KEPT = new WeakMap<Uint8Array, readonly Uint8Array[]>();

export interface MapCreateOptions {
  readonly flags?: number;
  readonly btfFd?: number;
  readonly btfKeyTypeId?: number;
  readonly btfValueTypeId?: number;
  readonly innerMapFd?: number;
}

export function bpf_map_create_opts(options: MapCreateOptions): Uint8Array {
  return new Options(48)
    .u32(8, options.btfFd)
    .u32(12, options.btfKeyTypeId)
    .u32(16, options.btfValueTypeId)
    .u32(24, options.innerMapFd)
    .u32(28, options.flags).bytes;
}

export interface ProgramLoadOptions {
  readonly expectedAttachType?: number;
  readonly log?: Uint8Array;
}

export function bpf_prog_load_opts(options: ProgramLoadOptions): Uint8Array {
  return new Options(104)
    .u32(12, options.expectedAttachType)
    .u32(88, options.log === undefined ? 0 : 1)
    .u32(92, options.log?.length)
    .pointer(96, options.log).bytes;
}

/** A `struct bpf_prog_info` in which the kernel is asked to put the ids of a program's maps into `ids`. */
export function bpf_prog_info_for_maps(ids: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(232);
  const room = new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(NR_MAP_IDS, ids.length, true);
  view.setBigUint64(NR_MAP_IDS + 4, koffi().address(room), true);
  KEPT.set(bytes, [room]);
  return bytes;
}

/** How many maps the program has: of more than there was room for, the rest is not told. */
export function read_nr_map_ids(info: Uint8Array): number {
  return new DataView(info.buffer, info.byteOffset).getUint32(NR_MAP_IDS, true);
}

/** The offset of `nr_map_ids`, which the pointer follows. */
const NR_MAP_IDS = 52;

export function bpf_object_open_opts(options: { readonly objectName: string }): Uint8Array {
  return new Options(80).pointer(8, Buffer.from(`${options.objectName}\0`)).bytes;
}

/** With `oldProgramFd` the kernel replaces that program only (BPF_F_REPLACE). */
export function bpf_link_update_opts(options: { readonly oldProgramFd: number }): Uint8Array {
  const BPF_F_REPLACE = 4;
  return new Options(16).u32(8, BPF_F_REPLACE).u32(12, options.oldProgramFd).bytes;
}

export const TC_ATTACH_POINT = { ingress: 1, egress: 2, both: 3 } as const;

export interface TcHook {
  readonly ifindex: number;
  readonly point: keyof typeof TC_ATTACH_POINT;
}

export function bpf_tc_hook(hook: TcHook): Uint8Array {
  return new Options(24).u32(8, hook.ifindex).u32(12, TC_ATTACH_POINT[hook.point]).bytes;
}

export interface TcOptions {
  readonly programFd?: number;
  readonly replace?: boolean;
  readonly handle?: number;
  readonly priority?: number;
}

export function bpf_tc_opts(options: TcOptions): Uint8Array {
  const BPF_TC_F_REPLACE = 1;
  return new Options(32)
    .u32(8, options.programFd)
    .u32(12, options.replace ? BPF_TC_F_REPLACE : 0)
    .u32(20, options.handle)
    .u32(24, options.priority).bytes;
}

/** What libbpf wrote into a `bpf_tc_opts`. */
export function read_bpf_tc_opts(bytes: Uint8Array): { programId: number; handle: number; priority: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return {
    programId: view.getUint32(16, true),
    handle: view.getUint32(20, true),
    priority: view.getUint32(24, true),
  };
}
