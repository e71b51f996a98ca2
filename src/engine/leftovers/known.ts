// SPDX-License-Identifier: Apache-2.0
import type { AttachType } from "../../bpf/attach-types.ts";
import type { MapInfo } from "../../bpf/map.ts";
import type { MapType } from "../../bpf/map-types.ts";
import type { ProgramInfo } from "../../bpf/program.ts";

/*
 * What merbridge, and Kuma's eBPF engine which was made of it, put into the kernel: read from the sources of both, of all
 * their releases. They attach by BPF_PROG_ATTACH, without links, and their own clean-up removes pins alone. Names are
 * those of the kernel, which keeps 15 characters. Sizes are in bytes.
 */

interface KnownMap {
  readonly name: string;
  readonly type: readonly MapType[];
  readonly keySizes: readonly number[];
  readonly valueSizes: readonly number[];
}

/** For IPv4 alone, as it began, and for both families. */
const PAIR = [12, 36];
const ORIGIN = [12, 24];

const MAPS: readonly KnownMap[] = [
  { name: "cookie_orig_dst", type: ["lru_hash"], keySizes: [8], valueSizes: ORIGIN },
  { name: "cookie_original", type: ["lru_hash"], keySizes: [4, 8], valueSizes: ORIGIN },
  { name: "pair_orig_dst", type: ["lru_hash"], keySizes: PAIR, valueSizes: ORIGIN },
  { name: "pair_original_d", type: ["lru_hash"], keySizes: PAIR, valueSizes: ORIGIN },
  { name: "netns_pod_ips", type: ["hash"], keySizes: [8], valueSizes: [16] },
  { name: "local_pod_ips", type: ["hash"], keySizes: [4, 16], valueSizes: [4, 244] },
  { name: "process_ip", type: ["hash", "lru_hash"], keySizes: [4], valueSizes: [4] },
  { name: "sock_pair_map", type: ["sockhash"], keySizes: PAIR, valueSizes: [4] },
  { name: "mark_pod_ips_ma", type: ["hash"], keySizes: [4], valueSizes: [4, 16] },
];

const ENTRIES: readonly number[] = [1024, 65_535];

export function isKnownMap({ name, type, keySize, valueSize, maxEntries }: MapInfo): boolean {
  return MAPS.some(
    (known) =>
      known.name === name &&
      known.type.some((each) => each === type) &&
      known.keySizes.includes(keySize) &&
      known.valueSizes.includes(valueSize) &&
      ENTRIES.includes(maxEntries),
  );
}

/** Where a program stands: at an attach type of a cgroup or map, at tc, or on a tracing hook, which is in no list. */
export type Place = AttachType | "tc_ingress" | "tc_egress" | "tracing";

interface KnownProgram {
  readonly name: string;
  /** The kernel's `enum bpf_prog_type`. */
  readonly type: number;
  readonly places: readonly Place[];
}

const TYPE = { kprobe: 2, sched_cls: 3, sock_ops: 13, sk_msg: 16, sock_addr: 18, sockopt: 25 } as const;

const PROGRAMS: readonly KnownProgram[] = [
  { name: "mb_sock_connect", type: TYPE.sock_addr, places: ["connect4", "connect6"] },
  { name: "mb_sock4_connec", type: TYPE.sock_addr, places: ["connect4"] },
  { name: "mb_sockops", type: TYPE.sock_ops, places: ["sock_ops"] },
  { name: "mb_get_sockopt", type: TYPE.sockopt, places: ["getsockopt"] },
  { name: "mb_sendmsg4", type: TYPE.sock_addr, places: ["sendmsg4"] },
  { name: "mb_sendmsg6", type: TYPE.sock_addr, places: ["sendmsg6"] },
  { name: "mb_recvmsg4", type: TYPE.sock_addr, places: ["recvmsg4"] },
  { name: "mb_recvmsg6", type: TYPE.sock_addr, places: ["recvmsg6"] },
  { name: "mb_msg_redir", type: TYPE.sk_msg, places: ["sk_msg_verdict"] },
  { name: "mb_tc_ingress", type: TYPE.sched_cls, places: ["tc_ingress"] },
  { name: "mb_tc_egress", type: TYPE.sched_cls, places: ["tc_egress"] },
  { name: "net_ns_net_exit", type: TYPE.kprobe, places: ["tracing"] },
  { name: "proc_free_inum", type: TYPE.kprobe, places: ["tracing"] },
];

/** What to look for on a cgroup, in the order in which it is taken off: what redirects first, what answers last. */
export const CGROUP_PLACES = [
  "connect4",
  "connect6",
  "sendmsg4",
  "sendmsg6",
  "sock_ops",
  "recvmsg4",
  "recvmsg6",
  "getsockopt",
] as const satisfies readonly AttachType[];

/** The priority of both filters of tc. */
export const TC_PRIORITY = 66;

/**
 * Whether a program is theirs: by its name, its kind, where it stands, and because it uses a map of theirs. Somebody's own
 * of the same name does not.
 *
 * @param place undefined: nowhere, it is only pinned
 */
export function isKnownProgram(
  { name, type }: Pick<ProgramInfo, "name" | "type">,
  place: Place | undefined,
  maps: readonly MapInfo[],
): boolean {
  const isOfThem = PROGRAMS.some(
    (known) =>
      known.name === name && known.type === type && (place === undefined || known.places.includes(place)),
  );
  return isOfThem && maps.some(isKnownMap);
}
