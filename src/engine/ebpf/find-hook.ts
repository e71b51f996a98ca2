// SPDX-License-Identifier: Apache-2.0
import type { LinkInfo } from "../../bpf/link.ts";
import { readNetwork } from "../../host/interfaces.ts";
import { CGROUP_HOOKS, type Hook } from "./hooks.ts";

/** The hook that a link is at, where it is one that this version uses too; undefined: none, or the link has outlived it. */
export function findHook({ attachType, target, defunct }: LinkInfo): Hook | undefined {
  if (target.kind === "cgroup") return cgroupHook(attachType === "sock_ops" ? "sockops" : attachType);
  if (target.kind === "netns") return { kind: "netns", program: "tp_lookup" };
  if (target.kind !== "tcx" || defunct || attachType !== "tcx_ingress") return undefined;
  const { interfaces } = readNetwork();
  const name = interfaces.find(({ index }) => index === target.ifindex)?.name ?? `${target.ifindex}`;
  return { kind: "tc", program: "tp_tc_ingress", interface: name, index: target.ifindex };
}

function cgroupHook(name: string | undefined): Hook | undefined {
  const entries = Object.entries(CGROUP_HOOKS);
  const [program, hook] = entries.find(([, each]) => each === name) ?? [];
  return program === undefined || hook === undefined ? undefined : { kind: "cgroup", program, hook };
}
