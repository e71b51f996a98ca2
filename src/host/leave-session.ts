// SPDX-License-Identifier: Apache-2.0
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemErrorCode } from "../core/errors.ts";
import { findCgroup2Root } from "./mounts.ts";

/** systemd's own hierarchy beside cgroup v1. */
const V1 = "/sys/fs/cgroup/systemd";

/**
 * Leaves the cgroup of the login that we were started from: systemd ends all in it with the session, where it is told to
 * (KillUserProcesses in logind.conf(5)). The root takes everybody. Where systemd does not run nobody does that, and where
 * we may not leave, we stay.
 */
export function leaveSession(): void {
  if (!existsSync("/run/systemd/system")) return;
  for (const root of [findCgroup2Root(), V1]) {
    if (root === undefined || !existsSync(root)) continue;
    try {
      writeFileSync(join(root, "cgroup.procs"), "0");
    } catch (error) {
      if (systemErrorCode(error) === undefined) throw error;
    }
  }
}
