// SPDX-License-Identifier: Apache-2.0

/** A BPF instruction (two, for a 64-bit constant), as the kernel reads it. */
export type Instruction = Uint8Array;

interface Parts {
  readonly code: number;
  readonly target?: number;
  readonly source?: number;
  readonly offset?: number;
  readonly value?: number;
}

function instruction({ code, target = 0, source = 0, offset = 0, value = 0 }: Parts): Instruction {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt8(code, 0);
  bytes.writeUInt8((source << 4) | target, 1);
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(value, 4);
  return bytes;
}

/** `rT = value` */
export function set(target: number, value: number): Instruction {
  return instruction({ code: 0xb7, target, value });
}

/** `rT = rS` */
export function copy(target: number, source: number): Instruction {
  return instruction({ code: 0xbf, target, source });
}

/** `rT += value` */
export function add(target: number, value: number): Instruction {
  return instruction({ code: 0x07, target, value });
}

/** `rT = *(u32 *)(rS + offset)` */
export function load32(target: number, source: number, offset: number): Instruction {
  return instruction({ code: 0x61, target, source, offset });
}

/** `rT = *(u64 *)(rS + offset)` */
export function load64(target: number, source: number, offset: number): Instruction {
  return instruction({ code: 0x79, target, source, offset });
}

/** `*(u64 *)(rT + offset) = value` */
export function store64(target: number, offset: number, value: number): Instruction {
  return instruction({ code: 0x7a, target, offset, value });
}

/** `rT = the map with this descriptor` */
export function loadMap(target: number, fd: number): Instruction {
  return Buffer.concat([instruction({ code: 0x18, target, source: 1, value: fd }), instruction({ code: 0 })]);
}

/** `rT = where the value of this array's first entry is`. Linux 5.2. */
export function loadMapValue(target: number, fd: number): Instruction {
  return Buffer.concat([instruction({ code: 0x18, target, source: 2, value: fd }), instruction({ code: 0 })]);
}

/** `rT = value`, all 64 bits of it */
export function set64(target: number, value: bigint): Instruction {
  const half = (shift: bigint) => Number(BigInt.asIntN(32, value >> shift));
  return Buffer.concat([
    instruction({ code: 0x18, target, value: half(0n) }),
    instruction({ code: 0, value: half(32n) }),
  ]);
}

/** `*(u64 *)(rT + offset) = rS` */
export function storeRegister64(target: number, offset: number, source: number): Instruction {
  return instruction({ code: 0x7b, target, source, offset });
}

/** `if (rT != rS) skip that many instructions` */
export function skipUnlessSame(target: number, source: number, offset: number): Instruction {
  return instruction({ code: 0x5d, target, source, offset });
}

/** `if (rT == value) skip that many instructions` */
export function skipIfEqual(target: number, value: number, offset: number): Instruction {
  return instruction({ code: 0x15, target, value, offset });
}

/** `r0 = helper(r1, …)` */
export function call(helper: number): Instruction {
  return instruction({ code: 0x85, value: helper });
}

/** `return value` */
export function give(value: number): Instruction {
  return Buffer.concat([set(0, value), instruction({ code: 0x95 })]);
}
