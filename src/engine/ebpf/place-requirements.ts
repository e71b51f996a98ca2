// SPDX-License-Identifier: Apache-2.0
import { accessSync, constants, existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import type { Config } from "../../config/config.ts";
import { TproxyError } from "../../core/errors.ts";
import { requireMountable } from "../../host/bpffs.ts";
import { isBpffs } from "../../host/mounts.ts";
import { readNetns } from "../netns.ts";
import { ASK_AS_ROOT, type CodedCheck, type Question, runCheck } from "../run-check.ts";
import { checkBpffs } from "./bpffs-home.ts";
import { findCgroup } from "./check.ts";
import { requireRoom } from "./exclusive-programs.ts";
import { findHomesBeside, findHomesOf } from "./find-homes.ts";
import { cgroupAttachTypes } from "./hooks.ts";
import { requireCookie } from "./require.ts";

/** Where the cgroup hooks are attached. */
export function checkCgroup(config: Config["ebpf"]): CodedCheck {
  return runCheck({
    name: "cgroup2",
    what: "a cgroup2 file system",
    look: () => findCgroup(config.cgroupPath),
  });
}

/** Whether programs of somebody's let ours be attached beside them. */
export function checkRoom(cgroup: string, dns: boolean): CodedCheck {
  return runCheck({
    name: "cgroup-room",
    what: "room beside the programs of others on the cgroup",
    look: () => {
      requireRoom(cgroup, cgroupAttachTypes(dns));
      return "none keeps others away";
    },
  });
}

/** Where an installation is pinned: there, or to be mounted there. */
export function checkPins(path: string): CodedCheck {
  return runCheck({
    name: "bpffs",
    what: "a BPF file system for the pins",
    look: () => {
      checkBpffs(path);
      return isBpffs(path) ? checkWritable(path) : checkMountable(path);
    },
  });
}

function checkWritable(path: string): string {
  requireAccess(path, "Mount it writable (mount -o remount,rw), or name another with --ebpf-bpffs-path.");
  return path;
}

/** As far as that can be told without mounting: the kernel knows the type, and what stands in the way of a mount there. */
function checkMountable(path: string): string {
  if (!/^nodev\tbpf$/m.test(readFileSync("/proc/filesystems", "utf8"))) {
    throw new TproxyError("BPFFS_UNUSABLE", "the kernel knows no BPF file system", {
      hint: "Use a kernel that was built with CONFIG_BPF_SYSCALL.",
    });
  }
  const existing = nearestThatExists(path);
  requireMountable(path, existing);
  const hint =
    `Mount one yourself (mount -t bpf bpf /sys/fs/bpf) and name it with --ebpf-bpffs-path, ` +
    `or make ${existing} writable.`;
  if (existing !== path) requireAccess(existing, hint);
  return `none yet; install mounts one at ${path}`;
}

function nearestThatExists(path: string): string {
  return existsSync(path) ? path : nearestThatExists(dirname(path));
}

function requireAccess(path: string, hint: string): void {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new TproxyError("BPFFS_UNUSABLE", `${path} cannot be written to`, { cause, hint });
  }
}

/** What `install` would change in place, wherever its pins are. */
export function checkOtherInstallation(bpffs: string): CodedCheck {
  return runCheck({
    name: "other-installation",
    what: "an installation of this network namespace",
    look: () =>
      askForCookie((cookie) => {
        const elsewhere = findHomesBeside(bpffs, cookie);
        if (elsewhere.length > 0)
          return `one, with its pins in ${elsewhere.join(", ")}, from where they will move`;
        return findHomesOf(cookie).length === 0 ? "none" : `one, in ${realpathSync(bpffs)} as here`;
      }),
  });
}

/** How everything of an installation is told from that of other network namespaces. */
export function checkCookie(): CodedCheck {
  const look = () => askForCookie(String);
  return runCheck({ name: "netns-cookie", what: "the network namespace's cookie", look });
}

/** Before Linux 5.14 only root is told. */
function askForCookie(look: (cookie: bigint) => string): ReturnType<Question["look"]> {
  const netns = readNetns();
  if (netns.cookie !== undefined || process.geteuid?.() === 0) return look(requireCookie(netns));
  return { state: "unknown", found: "only root is told on this kernel", remedy: ASK_AS_ROOT };
}
