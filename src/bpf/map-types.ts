// SPDX-License-Identifier: Apache-2.0

/** The kernel's `enum bpf_map_type`, with the kernel that brought each. */
export const MAP_TYPE = {
  hash: { value: 1, kernel: "3.19" },
  array: { value: 2, kernel: "3.19" },
  percpu_hash: { value: 5, kernel: "4.6" },
  percpu_array: { value: 6, kernel: "4.6" },
  lru_hash: { value: 9, kernel: "4.10" },
  lru_percpu_hash: { value: 10, kernel: "4.10" },
  lpm_trie: { value: 11, kernel: "4.11" },
  array_of_maps: { value: 12, kernel: "4.12" },
  hash_of_maps: { value: 13, kernel: "4.12" },
  sockmap: { value: 15, kernel: "4.14" },
  sockhash: { value: 18, kernel: "4.18" },
  percpu_cgroup_storage: { value: 21, kernel: "4.20" },
  sk_storage: { value: 24, kernel: "5.2" },
  ringbuf: { value: 27, kernel: "5.8" },
} as const;

export type MapType = keyof typeof MAP_TYPE;

/** The name of a number of the kernel's; undefined for those that this project has no use for. */
export function mapTypeName(value: number): MapType | undefined {
  const names = Object.keys(MAP_TYPE) as readonly MapType[];
  return names.find((name) => MAP_TYPE[name].value === value);
}

const PER_CPU: readonly MapType[] = [
  "percpu_hash",
  "percpu_array",
  "lru_percpu_hash",
  "percpu_cgroup_storage",
];

/** Whether a look-up in a map of this type yields one value for each possible CPU. */
export function isPerCpu(type: number): boolean {
  const name = mapTypeName(type);
  return name !== undefined && PER_CPU.includes(name);
}
