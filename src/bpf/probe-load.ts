// SPDX-License-Identifier: Apache-2.0
import { closeSync } from "node:fs";
import { errnoName } from "../native/errno.ts";
import { libbpf } from "../native/libbpf.ts";
import { bpf_map_create_opts, bpf_prog_load_opts } from "../native/libbpf-options.ts";
import { ATTACH_TYPE, type AttachType } from "./attach-types.ts";
import { fixedString } from "./descriptor.ts";
import type { Instruction } from "./instructions.ts";
import { MAP_TYPE, type MapType } from "./map-types.ts";
import { PROGRAM_TYPE, type ProgramType } from "./program-types.ts";

/** Why something is not there; undefined where it is. */
export type Lack = string | undefined;

export interface TinyProgram {
  readonly type: ProgramType;
  readonly attachType?: AttachType;
  readonly code: readonly Instruction[];
}

/** Loads a program and lets it go. */
export function lackOfProgram(tiny: TinyProgram): Lack {
  const { fd, complaint } = loadTiny("tp_probe", tiny);
  if (fd >= 0) return closed(fd);
  return complaint === undefined ? errnoName(-fd) : `${errnoName(-fd)} (${complaint})`;
}

/** The descriptor, or `-errno` and what the verifier said last. */
export interface LoadedTiny {
  readonly fd: number;
  readonly complaint: string | undefined;
}

export function loadTiny(name: string, { type, attachType, code }: TinyProgram): LoadedTiny {
  const instructions = Buffer.concat(code);
  const log = Buffer.alloc(16_384);
  const options = bpf_prog_load_opts({
    log,
    ...(attachType === undefined ? {} : { expectedAttachType: ATTACH_TYPE[attachType].value }),
  });
  const { value } = PROGRAM_TYPE[type];
  const length = instructions.length / 8;
  const fd = libbpf().bpf_prog_load(value, name, "GPL", instructions, length, options);
  return { fd, complaint: fixedString(log).split("\n").filter(isComplaint).at(-1) };
}

function isComplaint(line: string): boolean {
  return line !== "" && !line.startsWith("processed ");
}

function closed(fd: number): undefined {
  closeSync(fd);
  return undefined;
}

export interface TinyMap {
  readonly type: MapType;
  readonly keySize?: number;
  readonly valueSize?: number;
  readonly flags?: number;
}

/** Makes a map and lets it go. */
export function lackOfMap({ type, keySize = 4, valueSize = 4, flags = 0 }: TinyMap): Lack {
  const options = bpf_map_create_opts({ flags });
  const { value } = MAP_TYPE[type];
  const fd = libbpf().bpf_map_create(value, "tp_probe", keySize, valueSize, 1, options);
  return fd < 0 ? errnoName(-fd) : closed(fd);
}

/** Makes a map of socket storage, which wants its types as BTF, and shows it to `use`. */
export function withSocketStorage(use: (fd: number) => Lack): Lack {
  const btf = libbpf().bpf_btf_load(INT_BTF, INT_BTF.length, null);
  if (btf < 0) return `BTF cannot be loaded: ${errnoName(-btf)}`;
  const BPF_F_NO_PREALLOC = 1;
  const options = { flags: BPF_F_NO_PREALLOC, btfFd: btf, btfKeyTypeId: 1, btfValueTypeId: 1 };
  const { value } = MAP_TYPE.sk_storage;
  const fd = libbpf().bpf_map_create(value, "tp_probe", 4, 4, 0, bpf_map_create_opts(options));
  closeSync(btf);
  if (fd < 0) return errnoName(-fd);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** BTF with one type, number 1: `int`. Header (24 bytes), the type (16), the strings (5). */
const INT_BTF = Buffer.concat([
  words(0x0001eb9f, 24, 0, 16, 16, 5),
  words(1, 1 << 24, 4, (1 << 24) | 32),
  Buffer.from("\0int\0"),
]);

function words(...values: readonly number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer);
}
