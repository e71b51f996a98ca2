// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import type { Config } from "../../config/config.ts";
import { ConfigError, TproxyError } from "../../core/errors.ts";
import type { NetnsFact } from "../../core/facts.ts";
import { type CapabilityPurpose, missingCapabilities, requireCapabilities } from "../../host/capabilities.ts";
import { findListeners } from "../../host/listeners.ts";
import { findCgroup2Root, isBpffs, isCgroup2 } from "../../host/mounts.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Place } from "./apply.ts";
import { checkBpffs } from "./bpffs-home.ts";
import { findHomesBeside } from "./find-homes.ts";
import { requireCookie } from "./require.ts";
import { requireRemoval } from "./uninstall.ts";

/**
 * Finds the places for the engine's work. Changes nothing, and needs no permission from Linux 5.14 on.
 *
 * @throws TproxyError CGROUP_UNUSABLE, BPFFS_UNUSABLE, CAPABILITY_MISSING; ConfigError where the option that names a place
 * is wrong and there would be another
 */
export function findPlace(config: Config["ebpf"], netns: NetnsFact): Place {
  const cgroup = findCgroup(config.cgroupPath);
  const cookie = requireCookie(netns);
  checkBpffs(config.bpffsPath);
  return { cookie, cgroup, bpffs: config.bpffsPath, programs: config.programsSourcePath };
}

/**
 * Checks that the engine may do its work there. Changes nothing.
 *
 * @throws TproxyError CAPABILITY_MISSING
 */
export function checkPlace({ bpffs, cookie }: Place, plan: Plan): void {
  checkCapabilities(bpffs, plan);
  requireRemoval(cookie, findHomesBeside(bpffs, cookie)); // from where the pins will move
}

/** @throws TproxyError CGROUP_UNUSABLE; ConfigError where the path is wrong and there would be another */
export function findCgroup(path: string): string {
  if (path !== "") return checkCgroup(path);
  const root = findCgroup2Root();
  if (root !== undefined) return root;
  throw noCgroup2();
}

function noCgroup2(): TproxyError {
  return new TproxyError("CGROUP_UNUSABLE", "no cgroup2 file system is mounted here", {
    hint:
      "Mount it (mount -t cgroup2 none /sys/fs/cgroup), or name it with --ebpf-cgroup-path. " +
      "`ip netns exec` hides it: use `nsenter --net=/run/netns/NAME` instead.",
  });
}

function checkCgroup(path: string): string {
  if (isCgroup2(path)) return path;
  const root = findCgroup2Root();
  if (root === undefined) throw noCgroup2();
  const message = `${path} ${existsSync(path) ? "is not on a cgroup2 file system" : "does not exist"}`;
  throw new ConfigError(
    [{ source: "--ebpf-cgroup-path", message }],
    `Leave it out to use ${root}, or name one below it.`,
  );
}

function checkCapabilities(bpffs: string, plan: Plan): void {
  const purposes: CapabilityPurpose[] = ["ebpf", "ebpf-load"];
  if (!isBpffs(bpffs)) purposes.push("mount-bpffs");
  if (missingCapabilities([...purposes, "running-proxy"]).length === 0) return;
  // Not all are there: are those for a running proxy needed at all?
  const ports = new Set([plan.outbound.port, plan.inbound.port]);
  if (findListeners(ports).length > 0) purposes.push("running-proxy");
  requireCapabilities("the eBPF engine", purposes);
}
