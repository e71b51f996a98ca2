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

  /** 8192 bytes: port p is bit p % 8 of byte p / 8. */
  bits(): Uint8Array {
    return this.#bits.slice();
  }

  #byte(port: number): number {
    return this.#bits[port >> 3] ?? 0;
  }

  #set(port: number, member: boolean): void {
    const bit = 1 << (port & 7);
    this.#bits[port >> 3] = member ? this.#byte(port) | bit : this.#byte(port) & ~bit;
  }
}
