// SPDX-License-Identifier: Apache-2.0

const PORTS = 65_536;

/** A set of TCP ports, one bit each: the same for one port as for all of them. */
export class PortSet {
  readonly #bits: Uint8Array;

  private constructor(bits: Uint8Array) {
    this.#bits = bits;
  }

  /** Exactly `included`, or, where that is empty, every port but `excluded`: the rule of kumactl. */
  static redirected(included: readonly number[], excluded: readonly number[]): PortSet {
    const set = new PortSet(new Uint8Array(PORTS / 8).fill(included.length > 0 ? 0 : 0xff));
    for (const port of included) set.#set(port, true);
    if (included.length === 0) for (const port of excluded) set.#set(port, false);
    return set;
  }

  has(port: number): boolean {
    return ((this.#byte(port) >> (port & 7)) & 1) === 1;
  }

  /** 1024 words: port p is bit p % 64 of word p / 64. */
  words(): BigUint64Array<ArrayBuffer> {
    const words = new BigUint64Array(PORTS / 64);
    for (const [index, byte] of this.#bits.entries()) {
      words[index >> 3] = (words[index >> 3] ?? 0n) | (BigInt(byte) << BigInt(8 * (index & 7)));
    }
    return words;
  }

  #byte(port: number): number {
    return this.#bits[port >> 3] ?? 0;
  }

  #set(port: number, member: boolean): void {
    const bit = 1 << (port & 7);
    this.#bits[port >> 3] = member ? this.#byte(port) | bit : this.#byte(port) & ~bit;
  }
}
