// SPDX-License-Identifier: Apache-2.0
import { uptime } from "node:os";
import { TproxyError } from "../core/errors.ts";
import { Descriptor } from "../native/descriptor.ts";
import { dup } from "../native/descriptors.ts";
import { ERRNO, syscallError } from "../native/errno.ts";
import { libbpf } from "../native/libbpf.ts";
import { bpf_prog_info_for_maps, read_nr_map_ids } from "../native/libbpf-options.ts";
import { fixedString, infoOf, memoryBytes, openId, openPin, openPinIf, pin } from "./descriptor.ts";

export interface ProgramInfo {
  readonly id: number;
  /** The kernel's `enum bpf_prog_type`. */
  readonly type: number;
  /** At most 15 characters: the kernel keeps no more. */
  readonly name: string;
  /** A hash of the instructions, in hexadecimal. */
  readonly tag: string;
  readonly loadedAt: Date;
  /** Zero unless `kernel.bpf_stats_enabled` is on. */
  readonly runTimeNs: bigint;
  readonly runCount: bigint;
}

/** The kernel's MAX_USED_MAPS. */
const MOST_MAPS = 64;

/** A program that the kernel has loaded. */
export class BpfProgram implements Disposable {
  /** Its name in the object, whole; for one that was opened, the kernel's 15 characters of it. */
  readonly name: string;
  readonly #descriptor: Descriptor;

  /** Takes over `descriptor`. */
  constructor(descriptor: Descriptor, name?: string) {
    this.#descriptor = descriptor;
    this.name = name ?? readInfo(descriptor.fd).name;
  }

  /** Opens a pinned program. Throws STATE_DAMAGED where the pin is missing or is something else. */
  static open(path: string): BpfProgram {
    return new BpfProgram(openPin(path, "prog"));
  }

  /** Opens a pin if it is a program's; undefined where it is something else's. */
  static openIf(path: string): BpfProgram | undefined {
    const descriptor = openPinIf(path, "prog");
    return descriptor && new BpfProgram(descriptor);
  }

  /** Opens a program by the kernel's id; undefined where it has gone. */
  static byId(id: number): BpfProgram | undefined {
    const descriptor = openId(id, "prog");
    return descriptor === undefined ? undefined : new BpfProgram(descriptor);
  }

  /** The same; undefined also where we may not: opening by id takes CAP_SYS_ADMIN, which attaching does not. */
  static tryById(id: number): BpfProgram | undefined {
    try {
      return BpfProgram.byId(id);
    } catch (error) {
      if (error instanceof TproxyError && error.errno === ERRNO.EPERM) return undefined;
      throw error;
    }
  }

  get fd(): number {
    return this.#descriptor.fd;
  }

  info(): ProgramInfo {
    return readInfo(this.fd);
  }

  /** The ids of the maps that the program uses. */
  mapIds(): number[] {
    const ids = new Uint32Array(MOST_MAPS);
    const info = bpf_prog_info_for_maps(ids);
    const result = libbpf().bpf_obj_get_info_by_fd(this.fd, info, Uint32Array.of(info.length));
    if (result < 0) throw syscallError(`bpf_obj_get_info_by_fd(program ${this.name})`, -result);
    return [...ids.subarray(0, read_nr_map_ids(info))];
  }

  /** The kernel memory that the program takes. */
  memoryBytes(): number {
    return memoryBytes(this.fd);
  }

  pin(path: string): void {
    pin(this.fd, path);
  }

  /** The same program with a descriptor of its own, for one that shall outlive its object. */
  duplicate(): BpfProgram {
    return new BpfProgram(new Descriptor(dup(this.fd)), this.name);
  }

  [Symbol.dispose](): void {
    this.#descriptor[Symbol.dispose]();
  }
}

function readInfo(fd: number): ProgramInfo {
  const info = infoOf(fd, 232);
  const sinceBoot = Number(info.readBigUInt64LE(40) / 1_000_000n);
  return {
    type: info.readUInt32LE(0),
    id: info.readUInt32LE(4),
    tag: info.subarray(8, 16).toString("hex"),
    name: fixedString(info.subarray(64, 80)),
    loadedAt: new Date(Date.now() - uptime() * 1000 + sinceBoot),
    runTimeNs: info.readBigUInt64LE(192),
    runCount: info.readBigUInt64LE(200),
  };
}
