// SPDX-License-Identifier: Apache-2.0
import { type Feature, type ProbeResult, probe } from "../../bpf/probes.ts";
import type { Config } from "../../config/config.ts";
import { atLeast, type KernelVersion, kernelRelease, parseKernelRelease } from "../../host/kernel.ts";
import type { Check } from "../check.ts";
import { ASK_AS_ROOT } from "../run-check.ts";
import { type Features, probeFeatures } from "./features.ts";

/** What must be there before the kernel can be asked anything. */
export interface Basis {
  readonly libbpf: boolean;
  /** All the capabilities are there that loading and attaching needs. */
  readonly permitted: boolean;
}

export interface Requirement {
  readonly feature: Feature;
  readonly what: string;
  /** What the kernel must be built with. */
  readonly option: string;
  /** What is worse where it is missing; undefined: the engine cannot work. */
  readonly without?: string;
}

const NEEDED: readonly Requirement[] = [
  { feature: "map:array", what: "array maps", option: "CONFIG_BPF_SYSCALL" },
  { feature: "map:percpu_array", what: "arrays for each CPU", option: "CONFIG_BPF_SYSCALL" },
  { feature: "map:hash", what: "hash maps", option: "CONFIG_BPF_SYSCALL" },
  { feature: "map:lpm_trie", what: "maps of address prefixes", option: "CONFIG_BPF_SYSCALL" },
  { feature: "map:sockmap", what: "maps of sockets", option: "CONFIG_BPF_STREAM_PARSER" },
  { feature: "map:sk_storage", what: "storage with a socket", option: "CONFIG_NET" },
  { feature: "prog:connect4", what: "programs at connect, IPv4", option: "CONFIG_CGROUP_BPF" },
  { feature: "prog:connect6", what: "programs at connect, IPv6", option: "CONFIG_CGROUP_BPF" },
  { feature: "prog:sock_ops", what: "programs at sockops", option: "CONFIG_CGROUP_BPF" },
  { feature: "prog:getsockopt", what: "programs at getsockopt", option: "CONFIG_CGROUP_BPF" },
  {
    feature: "sock_addr:get_netns_cookie",
    what: "the network namespace in connect programs",
    option: "CONFIG_NET_NS",
  },
  {
    feature: "sock_addr:sk_storage_get",
    what: "socket storage in connect programs",
    option: "CONFIG_CGROUP_BPF",
  },
  {
    feature: "sock_ops:sk_storage_get",
    what: "socket storage in sockops programs",
    option: "CONFIG_CGROUP_BPF",
  },
  {
    feature: "getsockopt:sk_storage_get",
    what: "socket storage in getsockopt programs",
    option: "CONFIG_CGROUP_BPF",
  },
  { feature: "link:cgroup", what: "links to a cgroup", option: "CONFIG_CGROUP_BPF" },
];

const TC: readonly Requirement[] = [
  { feature: "prog:sched_cls", what: "programs at tc", option: "CONFIG_NET_CLS_BPF" },
  { feature: "sched_cls:skc_lookup_tcp", what: "finding sockets in tc programs", option: "CONFIG_INET" },
  { feature: "sched_cls:sk_assign", what: "choosing the socket in tc programs", option: "CONFIG_INET" },
];

const WITHOUT_TC = "--ebpf-tc-attach-iface cannot be used; nothing else needs it here";

/** A connected UDP socket needs no more than the programs at connect; these are for the others, and for the answers. */
const DNS: readonly Requirement[] = [
  { feature: "prog:sendmsg4", what: "programs at sendmsg, IPv4", option: "CONFIG_CGROUP_BPF" },
  { feature: "prog:sendmsg6", what: "programs at sendmsg, IPv6", option: "CONFIG_CGROUP_BPF" },
  { feature: "prog:recvmsg4", what: "programs at recvmsg, IPv4", option: "CONFIG_CGROUP_BPF" },
  { feature: "prog:recvmsg6", what: "programs at recvmsg, IPv6", option: "CONFIG_CGROUP_BPF" },
  {
    feature: "map:lru_hash",
    what: "hash maps that forget what is oldest",
    option: "CONFIG_BPF_SYSCALL",
  },
];

const WITHOUT_DNS =
  "--redirect-dns and --redirect-all-dns-traffic cannot be used; nothing else needs it here";

/** See features.ts: the engine finds another way, or leaves something out. */
const USEFUL: readonly Requirement[] = [
  {
    feature: "prog:sk_lookup",
    what: "programs at sk_lookup",
    option: "CONFIG_BPF_SYSCALL",
    without:
      "inbound connections are steered by tc on each interface that is there at install; " +
      "outbound IPv6 connections share one port",
  },
  {
    feature: "sk_lookup:ingress_ifindex",
    what: "the interface in sk_lookup programs",
    option: "CONFIG_BPF_SYSCALL",
    without:
      "with --ebpf-tc-attach-iface, tc tells these programs what came by it: a map of 4096 connections on their way",
  },
  {
    feature: "prog:getpeername4",
    what: "programs at getpeername",
    option: "CONFIG_CGROUP_BPF",
    without: "getpeername tells applications the proxy's address, not the one they asked for",
  },
  {
    feature: "sock_ops:get_netns_cookie",
    what: "the network namespace in sockops programs",
    option: "CONFIG_NET_NS",
    without:
      "where network namespaces share a cgroup, whatever listens on the proxy's ports in another one is " +
      "taken for the proxy: give each its own with --ebpf-cgroup-path",
  },
  {
    feature: "link:tcx",
    what: "links to tc (tcx)",
    option: "CONFIG_NET_XGRESS",
    without: "tc programs are attached by filters on a clsact qdisc",
  },
  {
    feature: "btf",
    what: "the kernel's types (BTF)",
    option: "CONFIG_DEBUG_INFO_BTF",
    without: "the programs do without; tools that look at them (bpftool, bpftrace) show less",
  },
];

/**
 * Asks the kernel for each feature that the engine needs, or is better with.
 *
 * @param dns whether queries are redirected
 */
export function checkFeatures(
  config: Pick<Config, "ebpf" | "redirect">,
  dns: boolean,
  basis: Basis,
): Check[] {
  const tc = basis.libbpf && needsTc(config, probeFeatures());
  return requirementsFor({ tc, dns }).map((requirement) => checkFeature(requirement, basis));
}

/** What all installations need, what this one needs, and what is only of use to it. */
export function requirementsFor(needs: { readonly tc: boolean; readonly dns: boolean }): Requirement[] {
  const tc = needs.tc ? TC : TC.map((requirement) => ({ ...requirement, without: WITHOUT_TC }));
  const dns = needs.dns ? DNS : DNS.map((requirement) => ({ ...requirement, without: WITHOUT_DNS }));
  return [...NEEDED, ...tc, ...dns, ...USEFUL];
}

/** Whether inbound connections are steered by tc: the rule of `chooseHooks`, before there is a plan. */
export function needsTc({ redirect, ebpf }: Pick<Config, "ebpf" | "redirect">, features: Features): boolean {
  return redirect.inbound.enabled && (ebpf.tcAttachIface !== "" || !features.lookup);
}

function checkFeature(requirement: Requirement, { libbpf, permitted }: Basis): Check {
  if (!libbpf) {
    const found = "not to be asked for without libbpf";
    return { ...nameOf(requirement), state: "unknown", found, remedy: undefined };
  }
  const asker = permitted ? "permitted" : process.geteuid?.() === 0 ? "weak-root" : "user";
  return judge(requirement, probe(requirement.feature), asker, parseKernelRelease(kernelRelease()));
}

/** Who asked the kernel: "weak-root" lacks capabilities, which has a check of its own. */
export type Asker = "permitted" | "weak-root" | "user";

/** What an answer of the kernel means for the engine. */
export function judge(
  requirement: Requirement,
  { available, reason = "no reason given", kernel }: Pick<ProbeResult, "available" | "reason" | "kernel">,
  asker: Asker,
  running: KernelVersion,
): Check {
  const named = nameOf(requirement);
  if (available) {
    return { ...named, state: "ok", found: `works (Linux ${kernel} brought it)`, remedy: undefined };
  }
  if (asker !== "permitted" && requirement.feature !== "btf") {
    const found = asker === "user" ? reason : `${reason}: not to be told without capabilities`;
    return { ...named, state: "unknown", found, remedy: asker === "user" ? ASK_AS_ROOT : undefined };
  }
  const { without } = requirement;
  const remedy = remedyFor(requirement, { reason, kernel }, running);
  if (without === undefined) return { ...named, state: "missing", found: reason, remedy };
  return { ...named, state: "limited", found: `${reason}: ${without}`, remedy };
}

function nameOf({ feature, what }: Requirement): Pick<Check, "name" | "what"> {
  return { name: feature.replaceAll(/[:_]/g, "-"), what };
}

function remedyFor(
  { option }: Requirement,
  { reason, kernel }: { readonly reason: string; readonly kernel: string },
  running: KernelVersion,
): string {
  if (/\bEPERM\b/.test(reason)) {
    return "Allow bpf(2) in the seccomp profile of the container, and run in the initial user namespace.";
  }
  const { major, minor } = parseKernelRelease(kernel);
  if (atLeast(running, major, minor)) {
    return `Use a kernel that was built with ${option}: this one is new enough (Linux ${kernel}).`;
  }
  return `Use Linux ${kernel} or newer, built with ${option}.`;
}
