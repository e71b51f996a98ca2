// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { ERRNO, errnoName } from "../native/errno.ts";
import { libbpf } from "../native/libbpf.ts";
import { ATTACH_TYPE } from "./attach-types.ts";
import { add, call, copy, give, load32, load64, loadMap, set, skipIfEqual, store64 } from "./instructions.ts";
import { type Lack, lackOfMap, lackOfProgram, type TinyProgram, withSocketStorage } from "./probe-load.ts";

interface Probe {
  /** The kernel that brought it, for messages and tests only: what counts is the probe. */
  readonly kernel: string;
  readonly lack: () => Lack;
}

/** Numbers of helpers in `enum bpf_func_id`. */
const HELPER = {
  sk_release: 86,
  skc_lookup_tcp: 99,
  sk_storage_get: 107,
  get_netns_cookie: 122,
  sk_assign: 124,
} as const;

/** Offsets of context fields in <linux/bpf.h>. */
const CONTEXT = {
  sock_addr: { sk: 64 },
  sock_ops: { sk: 184 },
  sockopt: { sk: 0 },
  sk_lookup: { ingress_ifindex: 64 },
} as const;

/** sk_lookup's and tc's way to say "go on". */
const SK_PASS = 1;
const TC_ACT_OK = 0;

const connect4 = { type: "cgroup_sock_addr", attachType: "connect4" } as const;
const skLookup = { type: "sk_lookup", attachType: "sk_lookup" } as const;

/*
 * Each program uses what it asks for the way the real ones do, and is really loaded. libbpf_probe_bpf_helper is
 * of no use: libbpf 1.1 waits for the words "unknown func", newer kernels (6.18) say "program of this type cannot
 * use helper", and so it finds bpf_redirect in sk_lookup programs.
 */
const PROBES = {
  "prog:connect4": program("4.17", { ...connect4, code: [give(1)] }),
  "prog:connect6": program("4.17", { ...connect4, attachType: "connect6", code: [give(1)] }),
  "prog:getpeername4": program("5.8", {
    type: "cgroup_sock_addr",
    attachType: "getpeername4",
    code: [give(1)],
  }),
  "prog:sendmsg4": program("4.18", { type: "cgroup_sock_addr", attachType: "sendmsg4", code: [give(1)] }),
  "prog:sendmsg6": program("4.18", { type: "cgroup_sock_addr", attachType: "sendmsg6", code: [give(1)] }),
  "prog:recvmsg4": program("5.2", { type: "cgroup_sock_addr", attachType: "recvmsg4", code: [give(1)] }),
  "prog:recvmsg6": program("5.2", { type: "cgroup_sock_addr", attachType: "recvmsg6", code: [give(1)] }),
  "prog:sock_ops": program("4.13", { type: "sock_ops", attachType: "sock_ops", code: [give(1)] }),
  "prog:getsockopt": program("5.3", { type: "cgroup_sockopt", attachType: "getsockopt", code: [give(1)] }),
  "prog:sk_lookup": program("5.9", { ...skLookup, code: [give(SK_PASS)] }),
  "prog:sched_cls": program("4.1", { type: "sched_cls", code: [give(TC_ACT_OK)] }),

  "map:array": { kernel: "3.19", lack: () => lackOfMap({ type: "array" }) },
  "map:percpu_array": { kernel: "4.6", lack: () => lackOfMap({ type: "percpu_array" }) },
  "map:hash": { kernel: "3.19", lack: () => lackOfMap({ type: "hash" }) },
  "map:lru_hash": { kernel: "4.10", lack: () => lackOfMap({ type: "lru_hash" }) },
  "map:sockmap": { kernel: "4.14", lack: () => lackOfMap({ type: "sockmap" }) },
  "map:lpm_trie": { kernel: "4.11", lack: () => lackOfMap({ type: "lpm_trie", keySize: 8, flags: 1 }) },
  "map:sk_storage": { kernel: "5.2", lack: () => withSocketStorage(() => undefined) },

  "sock_addr:get_netns_cookie": program("5.7", {
    ...connect4,
    code: [call(HELPER.get_netns_cookie), give(1)],
  }),
  "sock_ops:get_netns_cookie": program("5.15", {
    type: "sock_ops",
    attachType: "sock_ops",
    code: [call(HELPER.get_netns_cookie), give(1)],
  }),
  "sock_addr:sk_storage_get": storage("5.3", connect4, CONTEXT.sock_addr.sk),
  "sock_ops:sk_storage_get": storage(
    "5.3",
    { type: "sock_ops", attachType: "sock_ops" },
    CONTEXT.sock_ops.sk,
  ),
  "getsockopt:sk_storage_get": storage(
    "5.3",
    { type: "cgroup_sockopt", attachType: "getsockopt" },
    CONTEXT.sockopt.sk,
  ),
  "sk_lookup:sk_assign": program("5.9", {
    ...skLookup,
    code: [set(2, 0), set(3, 0), call(HELPER.sk_assign), give(SK_PASS)],
  }),
  "sched_cls:skc_lookup_tcp": program("5.2", lookupAndThen([])),
  "sched_cls:sk_assign": program(
    "5.7",
    lookupAndThen([copy(1, 7), copy(2, 6), set(3, 0), call(HELPER.sk_assign)]),
  ),
  "sk_lookup:ingress_ifindex": program("5.17", {
    ...skLookup,
    code: [load32(2, 1, CONTEXT.sk_lookup.ingress_ifindex), give(SK_PASS)],
  }),

  "link:cgroup": { kernel: "5.7", lack: lackOfLinks },
  "link:tcx": { kernel: "6.6", lack: lackOfTcx },
  btf: { kernel: "5.4", lack: () => (existsSync("/sys/kernel/btf/vmlinux") ? undefined : "no kernel BTF") },
} as const satisfies Record<string, Probe>;

export type Feature = keyof typeof PROBES;

export const FEATURES = Object.keys(PROBES) as readonly Feature[];

export interface ProbeResult {
  readonly feature: Feature;
  readonly available: boolean;
  /** Why it is not available. */
  readonly reason: string | undefined;
  /** The kernel that brought it. */
  readonly kernel: string;
}

const results = new Map<Feature, ProbeResult>();

/** Finds out whether this kernel, with our permissions, offers a feature. Asks it once. Intercepts nothing. */
export function probe(feature: Feature): ProbeResult {
  const known = results.get(feature);
  if (known !== undefined) return known;
  const { kernel, lack } = PROBES[feature];
  const reason = lack();
  const result = { feature, available: reason === undefined, reason, kernel };
  results.set(feature, result);
  return result;
}

/** The version of libbpf, "1.1". Throws LIBBPF_UNUSABLE where it is missing or older than 1.0. */
export function libbpfVersion(): string {
  const { major, minor } = libbpf().version;
  return `${major}.${minor}`;
}

function program(kernel: string, tiny: TinyProgram): Probe {
  return { kernel, lack: () => lackOfProgram(tiny) };
}

/** `sk = ctx->sk; if (sk) bpf_sk_storage_get(map, sk, NULL, 0); return 1;` */
function storage(kernel: string, kind: Omit<TinyProgram, "code">, sk: number): Probe {
  const code = (map: number) => [
    load64(2, 1, sk),
    skipIfEqual(2, 0, 5),
    loadMap(1, map),
    set(3, 0),
    set(4, 0),
    call(HELPER.sk_storage_get),
    give(1),
  ];
  return { kernel, lack: () => withSocketStorage((map) => lackOfProgram({ ...kind, code: code(map) })) };
}

/** Looks up a socket for a tuple of zeros; if there is one (r6; the context is r7), does `steps` and releases it. */
function lookupAndThen(steps: TinyProgram["code"]): TinyProgram {
  const tuple = [store64(10, -16, 0), store64(10, -8, 0)];
  const find = [
    copy(7, 1),
    copy(2, 10),
    add(2, -16),
    set(3, 12),
    set(4, -1),
    set(5, 0),
    call(HELPER.skc_lookup_tcp),
  ];
  const found = [copy(6, 0), ...steps, copy(1, 6), call(HELPER.sk_release)];
  return {
    type: "sched_cls",
    code: [...tuple, ...find, skipIfEqual(0, 0, found.length), ...found, give(TC_ACT_OK)],
  };
}

/** Without a program the kernel says EBADF; one that has no links says EINVAL. */
function lackOfLinks(): Lack {
  const result = libbpf().bpf_link_create(-1, -1, ATTACH_TYPE.connect4.value, null);
  return result === -ERRNO.EBADF ? undefined : errnoName(-result);
}

/** Asks what is attached to the loopback interface, which has the index 1 in every network namespace. */
function lackOfTcx(): Lack {
  const counts = [new Uint32Array(1), new Uint32Array(1), new Uint32Array(1)] as const;
  const result = libbpf().bpf_prog_query(1, ATTACH_TYPE.tcx_ingress.value, 0, ...counts);
  // With room for one program: that there are more is an answer, too.
  return result === 0 || result === -ERRNO.ENOSPC ? undefined : errnoName(-result);
}
