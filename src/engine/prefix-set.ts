// SPDX-License-Identifier: Apache-2.0
import { type Address, maskPrefix, type Prefix, prefixKey } from "../core/address.ts";

/** Ranges of addresses, of which there may be many: a question takes one look-up for each length among them. */
export class PrefixSet {
  readonly #byLength = new Map<string, Set<string | number>>();

  constructor(prefixes: readonly Prefix[]) {
    for (const prefix of prefixes) {
      const key = `${prefix.address.family} ${prefix.length}`;
      const same = this.#byLength.get(key) ?? new Set();
      same.add(prefixKey(maskPrefix(prefix)));
      this.#byLength.set(key, same);
    }
  }

  has(address: Address): boolean {
    return [...this.#byLength].some(([key, keys]) => {
      const [family, length] = key.split(" ").map(Number);
      return family === address.family && keys.has(prefixKey(maskPrefix({ address, length: length ?? 0 })));
    });
  }
}
