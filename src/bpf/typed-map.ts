// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";
import type { Codec } from "./codec.ts";
import type { BpfMap, UpdateMode } from "./map.ts";

/** A map whose keys and values are decoded. It does not own the `BpfMap` that it looks at. */
export class TypedMap<K, V> {
  readonly map: BpfMap;
  readonly #key: Codec<K>;
  readonly #value: Codec<V>;

  constructor(map: BpfMap, key: Codec<K>, value: Codec<V>) {
    const { name, keySize, valueSize } = map.info;
    if (keySize !== key.size || valueSize !== value.size) {
      const is = `${keySize}-byte keys and ${valueSize}-byte values`;
      throw new TproxyError("STATE_DAMAGED", `map ${name} has ${is}, not ${key.size} and ${value.size}`, {
        hint: "Another version of tproxyctl made it: run `tproxyctl install` again with this one.",
      });
    }
    this.map = map;
    this.#key = key;
    this.#value = value;
  }

  get(key: K): V | undefined {
    const value = this.map.lookup(this.#key.encode(key));
    return value === undefined ? undefined : this.#value.decode(value);
  }

  /** The value of each possible CPU. */
  getPerCpu(key: K): V[] | undefined {
    return this.map.lookupPerCpu(this.#key.encode(key))?.map((value) => this.#value.decode(value));
  }

  set(key: K, value: V, mode?: UpdateMode): boolean {
    return this.map.update(this.#key.encode(key), this.#value.encode(value), mode);
  }

  /**
   * Sets many entries: in one system call where kernel (5.6) and map type allow it, one by one where they do
   * not. Not atomic: on an error, some are set.
   */
  setAll(entries: Iterable<readonly [key: K, value: V]>): void {
    const encoded = Array.from(
      entries,
      ([key, value]) => [this.#key.encode(key), this.#value.encode(value)] as const,
    );
    this.map.updateAll(encoded);
  }

  delete(key: K): boolean {
    return this.map.delete(this.#key.encode(key));
  }

  *keys(): Generator<K> {
    for (const key of this.map.keys()) yield this.#key.decode(key);
  }

  *entries(): Generator<readonly [key: K, value: V]> {
    for (const [key, value] of this.map.entries()) yield [this.#key.decode(key), this.#value.decode(value)];
  }

  /** Removes every entry. */
  clear(): void {
    for (const key of [...this.map.keys()]) this.map.delete(key);
  }
}
