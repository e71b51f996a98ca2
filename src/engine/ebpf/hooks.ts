// SPDX-License-Identifier: Apache-2.0
import type { AttachType } from "../../bpf/attach-types.ts";
import type { Plan } from "../../plan/plan.ts";
import { redirectsDns } from "./encode-dns.ts";
import type { Features } from "./features.ts";

/** Names of the programs in the object, and the hook each is for. */
export const CGROUP_HOOKS = {
  tp_connect4: "connect4",
  tp_connect6: "connect6",
  tp_sockops: "sockops",
  tp_getsockopt: "getsockopt",
  tp_getpeername4: "getpeername4",
  tp_getpeername6: "getpeername6",
  tp_sendmsg4: "sendmsg4",
  tp_sendmsg6: "sendmsg6",
  tp_recvmsg4: "recvmsg4",
  tp_recvmsg6: "recvmsg6",
} as const;

export type CgroupHookName = (typeof CGROUP_HOOKS)[keyof typeof CGROUP_HOOKS];

/** A program and where it is attached. */
export type Hook =
  | { readonly kind: "cgroup"; readonly program: string; readonly hook: CgroupHookName }
  | { readonly kind: "netns"; readonly program: "tp_lookup" }
  | TcHook
  | OtherHook;

export interface TcHook {
  readonly kind: "tc";
  readonly program: "tp_tc_ingress";
  readonly interface: string;
  readonly index: number;
}

/** Of another version's: where this one attaches nothing. */
export interface OtherHook {
  readonly kind: "other";
  readonly program: string;
  /** The pin of its link. */
  readonly pin: string;
}

/**
 * The hooks of a plan, in the order in which they are attached; they are removed in the opposite one.
 *
 * Inbound, by what there is:
 * 1. an interface was named: tc there, and sk_lookup behind it, which before 5.17 learns of the interface from tc;
 * 2. sk_lookup (5.9), which needs no interface;
 * 3. tc on every interface but loopback.
 *
 * sk_lookup is attached in the first case on older kernels too, and without inbound redirection: it is what
 * spreads outbound IPv6 connections over more than one port.
 *
 * DNS: a connected UDP socket is redirected by connect; sendmsg and recvmsg, for the others and for where answers seem
 * to come from, are attached where queries are redirected only: they run for each datagram.
 */
export function chooseHooks(plan: Plan, features: Features): Hook[] {
  const hooks: Hook[] = [
    { kind: "cgroup", program: "tp_getsockopt", hook: "getsockopt" },
    { kind: "cgroup", program: "tp_sockops", hook: "sockops" },
  ];
  if (features.getpeername) {
    hooks.push(
      { kind: "cgroup", program: "tp_getpeername4", hook: "getpeername4" },
      { kind: "cgroup", program: "tp_getpeername6", hook: "getpeername6" },
    );
  }
  const dns = redirectsDns(plan);
  if (dns) {
    hooks.push(
      { kind: "cgroup", program: "tp_recvmsg4", hook: "recvmsg4" },
      { kind: "cgroup", program: "tp_recvmsg6", hook: "recvmsg6" },
    );
  }
  if (features.lookup) hooks.push({ kind: "netns", program: "tp_lookup" });
  hooks.push(
    { kind: "cgroup", program: "tp_connect4", hook: "connect4" },
    { kind: "cgroup", program: "tp_connect6", hook: "connect6" },
  );
  if (dns) {
    hooks.push(
      { kind: "cgroup", program: "tp_sendmsg4", hook: "sendmsg4" },
      { kind: "cgroup", program: "tp_sendmsg6", hook: "sendmsg6" },
    );
  }
  for (const each of tcInterfaces(plan, features)) {
    hooks.push({ kind: "tc", program: "tp_tc_ingress", interface: each.name, index: each.index });
  }
  return hooks;
}

function tcInterfaces(plan: Plan, features: Features): readonly { name: string; index: number }[] {
  if (!plan.inbound.redirect) return [];
  if (plan.tcInterface !== undefined) return [plan.tcInterface];
  return features.lookup ? [] : plan.interfaces;
}

/**
 * Whether a hook only answers for connections that others redirected. These come first: the proxy's sockets
 * are learnt, and destinations kept, before anything is redirected.
 */
export function isAnswering(hook: Hook): boolean {
  return hook.kind === "cgroup" && !REDIRECTING.includes(hook.hook);
}

const REDIRECTING: readonly CgroupHookName[] = ["connect4", "connect6", "sendmsg4", "sendmsg6"];

/** Whether a hook is there for queries and answers of sockets that are not connected. */
export function isDnsHook(hook: Hook): boolean {
  return hook.kind === "cgroup" && DNS.includes(hook.hook);
}

const DNS: readonly CgroupHookName[] = ["sendmsg4", "sendmsg6", "recvmsg4", "recvmsg6"];

/** All that can be attached at a cgroup, with or without the hooks for DNS. */
export function cgroupAttachTypes(dns: boolean): AttachType[] {
  return Object.values(CGROUP_HOOKS)
    .filter((hook) => dns || !DNS.includes(hook))
    .map((hook) => attachTypeOf({ hook }));
}

/** What makes two hooks the same place: a link there is updated, not made anew. */
export function hookKey(hook: Hook): string {
  switch (hook.kind) {
    case "cgroup":
      return `cgroup_${hook.hook}`;
    case "netns":
      return "netns_lookup";
    case "tc":
      return `tc_ingress_${hook.index}`;
    case "other":
      return `other_${hook.pin}`;
  }
}

/** What the kernel calls the place of a program at a cgroup. */
export function attachTypeOf({ hook }: { readonly hook: CgroupHookName }): AttachType {
  return hook === "sockops" ? "sock_ops" : hook;
}

/** For people: `connect4 (tp_connect4)`. */
export function describeHook(hook: Hook, cgroupPath: string): string {
  switch (hook.kind) {
    case "cgroup":
      return `${hook.hook} on cgroup ${cgroupPath}`;
    case "netns":
      return "sk_lookup on this network namespace";
    case "tc":
      return `tc ingress on ${hook.interface}`;
    case "other":
      return `a hook that this version does not use (${hook.pin})`;
  }
}
