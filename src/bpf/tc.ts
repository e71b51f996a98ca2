// SPDX-License-Identifier: Apache-2.0
import { ERRNO, syscallError } from "../native/errno.ts";
import { libbpf } from "../native/libbpf.ts";
import { bpf_tc_hook, bpf_tc_opts, read_bpf_tc_opts } from "../native/libbpf-options.ts";
import { dumpRoute } from "../native/netlink.ts";
import { readAttributes } from "../native/netlink-attributes.ts";
import type { BpfProgram } from "./program.ts";

/*
 * Programs at tc the way of kernels before 6.6: a filter on the clsact qdisc. All of it happens in the network
 * namespace of the calling thread, and stays when the process ends.
 */

/** Where a filter stands: `tc filter show dev … ingress` lists it under this priority and handle. */
export interface TcFilter {
  readonly ifindex: number;
  readonly direction: TcDirection;
  readonly priority: number;
  readonly handle: number;
}

export type TcDirection = "ingress" | "egress";

export interface TcAttached {
  readonly programId: number;
  /** There was no clsact qdisc, so we made one: whoever takes the filter away takes it away, too. */
  readonly qdiscCreated: boolean;
}

/**
 * Attaches a program in direct-action mode; with `replace`, in place of what stands there. Makes the qdisc
 * where it is missing, and takes that back where the filter is refused.
 */
export function attachTc(program: BpfProgram, filter: TcFilter, { replace = false } = {}): TcAttached {
  const qdiscCreated = createClsact(filter.ifindex);
  const { priority, handle } = filter;
  const options = bpf_tc_opts({ programFd: program.fd, replace, priority, handle });
  const result = libbpf().bpf_tc_attach(hookOf(filter), options);
  if (result === 0) return { programId: read_bpf_tc_opts(options).programId, qdiscCreated };
  if (qdiscCreated) removeClsact(filter.ifindex);
  throw syscallError(`cannot attach ${program.name} to tc of ${describe(filter)}`, -result);
}

/** The id of the program that stands there; undefined where none does. */
export function queryTc(filter: TcFilter): number | undefined {
  const options = bpf_tc_opts({ priority: filter.priority, handle: filter.handle });
  const result = libbpf().bpf_tc_query(hookOf(filter), options);
  if (result === 0) return read_bpf_tc_opts(options).programId;
  if (isGone(result)) return undefined;
  throw syscallError(`cannot query tc of ${describe(filter)}`, -result);
}

/** Takes a filter away. False where there was none. */
export function detachTc(filter: TcFilter): boolean {
  const options = bpf_tc_opts({ priority: filter.priority, handle: filter.handle });
  const result = libbpf().bpf_tc_detach(hookOf(filter), options);
  if (result === 0) return true;
  if (isGone(result)) return false;
  throw syscallError(`cannot detach from tc of ${describe(filter)}`, -result);
}

/** No such filter, no clsact qdisc, no such interface. */
function isGone(result: number): boolean {
  return result === -ERRNO.ENOENT || result === -ERRNO.EINVAL || result === -ERRNO.ENODEV;
}

/** Makes the clsact qdisc. False where it, or the older ingress qdisc in its place, is there already. */
function createClsact(ifindex: number): boolean {
  const result = libbpf().bpf_tc_hook_create(bpf_tc_hook({ ifindex, point: "both" }));
  if (result === 0) return true;
  if (result === -ERRNO.EEXIST) return false;
  throw syscallError(`cannot make the clsact qdisc of interface ${ifindex}`, -result);
}

/**
 * Removes the clsact qdisc, unless somebody's filters are on it. False where it stays or was not there. To be
 * called only where `attachTc` said that we made it.
 */
export function removeClsact(ifindex: number): boolean {
  if (listTc(ifindex, "ingress").length > 0 || listTc(ifindex, "egress").length > 0) return false;
  const result = libbpf().bpf_tc_hook_destroy(bpf_tc_hook({ ifindex, point: "both" }));
  if (result === 0) return true;
  if (isGone(result)) return false;
  throw syscallError(`cannot remove the clsact qdisc of interface ${ifindex}`, -result);
}

const RTM_GETQDISC = 38;
const RTM_GETTFILTER = 46;
const TC_H_CLSACT = 0xfffffff1;
const PARENT = { ingress: 0xfffffff2, egress: 0xfffffff3 } as const;

/** Whether an interface has the clsact qdisc, or the older ingress qdisc in its place. */
export function hasClsact(ifindex: number): boolean {
  return dumpRoute(RTM_GETQDISC, Buffer.alloc(20)).some(
    (tcmsg) => tcmsg.readInt32LE(4) === ifindex && tcmsg.readUInt32LE(12) === TC_H_CLSACT,
  );
}

/** A filter, and the BPF program that it is, if it is one. */
export interface TcListed extends TcFilter {
  readonly programId: number | undefined;
  /** Of that filter, as who attached it named it. */
  readonly name: string | undefined;
}

/** <linux/rtnetlink.h>, <linux/pkt_cls.h> */
const TCMSG_SIZE = 20;
const TCA = { kind: 1, options: 2 } as const;
const TCA_BPF = { name: 7, id: 11 } as const;

/** All filters of an interface, of any kind and anybody's. */
export function listTc(ifindex: number, direction: TcDirection): TcListed[] {
  const request = Buffer.alloc(20);
  request.writeInt32LE(ifindex, 4);
  request.writeUInt32LE(PARENT[direction], 12);
  const answers = dumpRoute(RTM_GETTFILTER, request);
  return answers.map((tcmsg) => ({
    ifindex,
    direction,
    handle: tcmsg.readUInt32LE(8),
    priority: tcmsg.readUInt32LE(16) >>> 16,
    ...readProgram(tcmsg),
  }));
}

/** The first message of a priority is about all of it, and has no program. */
function readProgram(tcmsg: Buffer): Pick<TcListed, "programId" | "name"> {
  const attributes = readAttributes(tcmsg.subarray(TCMSG_SIZE));
  const options = attributes.get(TCA.options);
  if (attributes.get(TCA.kind)?.toString("latin1") !== "bpf\0" || options === undefined)
    return { programId: undefined, name: undefined };
  const program = readAttributes(options);
  return {
    programId: program.get(TCA_BPF.id)?.readUInt32LE(0),
    name: program.get(TCA_BPF.name)?.toString("utf8").replace(/\0$/, ""),
  };
}

function hookOf({ ifindex, direction }: TcFilter): Uint8Array {
  return bpf_tc_hook({ ifindex, point: direction });
}

function describe({ ifindex, direction, priority, handle }: TcFilter): string {
  return `interface ${ifindex} (${direction}, priority ${priority}, handle ${handle})`;
}
