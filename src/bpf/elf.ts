// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";

const HEADER_SIZE = 64;
const SECTION_HEADER_SIZE = 64;
const EM_BPF = 247;
const SHT_NOBITS = 8;

const HINT = "The file is not the one that was shipped: install tproxyctl again.";

/**
 * Reads the sections of an eBPF object file by name. Checks first that it is one (64-bit little-endian ELF
 * for the machine "BPF") and that it is whole; throws PROGRAMS_UNUSABLE where not.
 */
export function readSections(bytes: Uint8Array, file: string): ReadonlyMap<string, Uint8Array> {
  const unusable = (why: string) => new TproxyError("PROGRAMS_UNUSABLE", `${file} ${why}`, { hint: HINT });
  const elf = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (elf.length < HEADER_SIZE) throw unusable("is truncated");
  if (elf.readUInt32BE(0) !== 0x7f454c46) throw unusable("is not an ELF file");
  if (elf[4] !== 2 || elf[5] !== 1) throw unusable("is not a 64-bit little-endian ELF file");
  if (elf.readUInt16LE(18) !== EM_BPF) throw unusable("is not for the machine BPF");
  const headers = sectionHeaders(elf);
  const names = headers?.[elf.readUInt16LE(62)];
  if (headers === undefined || names === undefined) throw unusable("is truncated or damaged");
  if (!headers.every((header) => isInside(header, elf.length))) throw unusable("is truncated or damaged");
  return new Map(headers.map((header) => [nameAt(elf, names, header.name), content(elf, header)]));
}

interface SectionHeader {
  readonly name: number;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

function sectionHeaders(elf: Buffer): readonly SectionHeader[] | undefined {
  const start = Number(elf.readBigUInt64LE(40));
  const count = elf.readUInt16LE(60);
  if (elf.readUInt16LE(58) !== SECTION_HEADER_SIZE) return undefined;
  if (start + count * SECTION_HEADER_SIZE > elf.length) return undefined;
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * SECTION_HEADER_SIZE;
    return {
      name: elf.readUInt32LE(at),
      type: elf.readUInt32LE(at + 4),
      offset: Number(elf.readBigUInt64LE(at + 24)),
      size: Number(elf.readBigUInt64LE(at + 32)),
    };
  });
}

function isInside(header: SectionHeader, length: number): boolean {
  return header.type === SHT_NOBITS || header.offset + header.size <= length;
}

function content(elf: Buffer, header: SectionHeader): Uint8Array {
  return header.type === SHT_NOBITS
    ? new Uint8Array(header.size)
    : elf.subarray(header.offset, header.offset + header.size);
}

function nameAt(elf: Buffer, names: SectionHeader, index: number): string {
  const start = names.offset + index;
  const end = elf.indexOf(0, start);
  return elf.toString("latin1", start, end < 0 ? start : end);
}
