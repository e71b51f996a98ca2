// SPDX-License-Identifier: Apache-2.0
import { askNetnsCookie } from "../bpf/netns-cookie.ts";
import { TproxyError } from "../core/errors.ts";
import type { NetnsFact } from "../core/facts.ts";
import { requireCapabilities } from "../host/capabilities.ts";
import { ownCgroups } from "../host/cgroups.ts";
import { readNetnsOfSocket } from "../host/netns.ts";

/**
 * The network namespace of the main thread, with its cookie (docs/decisions/0017-netns-cookie.md):
 *
 * 1. a socket tells it (Linux 5.14);
 * 2. a program is told it (5.7), for which it takes cgroup2, libbpf and the capabilities of the eBPF engine;
 * 3. where none of that is, it is undefined. The iptables engine does without.
 *
 * @throws TproxyError SYSCALL_FAILED
 */
export function readNetns(): NetnsFact {
  const netns = readNetnsOfSocket();
  if (netns.cookie !== undefined) return netns;
  try {
    return { ...netns, cookie: askForCookie() };
  } catch (error) {
    if (error instanceof TproxyError && error.code !== "INTERNAL") return netns;
    throw error;
  }
}

/** @throws TproxyError with why a program is not told it: CAPABILITY_MISSING, LIBBPF_UNUSABLE, CGROUP_UNUSABLE, … */
export function askForCookie(): bigint {
  requireCapabilities("the eBPF engine", ["ebpf"]);
  const cgroups = ownCgroups();
  if (cgroups.length > 0) return askNetnsCookie(cgroups);
  throw new TproxyError("CGROUP_UNUSABLE", "no cgroup2 file system is mounted here", {
    hint: "Before Linux 5.14 the cookie of a network namespace is asked for there: mount it (mount -t cgroup2 none /sys/fs/cgroup).",
  });
}
