// SPDX-License-Identifier: Apache-2.0

import { libbpf, type MapPointer } from "./libbpf.ts";
import { libc } from "./libc.ts";
import { isPointer } from "./pointer.ts";

/** A copy of a map's initial value: the memory itself goes with the object. Undefined where it has none. */
export function readInitialValue(map: MapPointer): Buffer | undefined {
  const size = new BigUint64Array(1);
  const value = libbpf().bpf_map__initial_value(map, size);
  if (!isPointer(value)) return undefined;
  const copy = Buffer.alloc(Number(size[0]));
  libc().memcpy(copy, value, copy.length);
  return copy;
}
