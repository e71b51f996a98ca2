// SPDX-License-Identifier: Apache-2.0
import { rmdirSync, unlinkSync } from "node:fs";
import { basename, dirname } from "node:path";
import { detachProgram } from "../../bpf/detach.ts";
import { BpfMap } from "../../bpf/map.ts";
import { BpfProgram } from "../../bpf/program.ts";
import { detachTc, queryTc } from "../../bpf/tc.ts";
import { describeError, systemErrorCode, TproxyError } from "../../core/errors.ts";
import { leaveHome } from "../ebpf/bpffs-home.ts";
import { detachPinned } from "../ebpf/detach.ts";
import { removePinDirectory } from "../ebpf/pin-directory.ts";
import { findLeftovers } from "./find.ts";
import { judgePin } from "./find-pins.ts";
import { describeLeftover, isSameLeftover, type Leftover } from "./leftover.ts";

/**
 * Takes leftovers away, and looks again whether they are. A clsact qdisc stays, empty as it may be: who made it cannot be
 * seen, and others may count on it.
 *
 * @throws TproxyError LEFTOVERS_REMAIN with what is still there, and why
 */
export async function removeLeftovers(leftovers: readonly Leftover[]): Promise<void> {
  const failures: string[] = [];
  for (const leftover of leftovers) {
    try {
      await remove(leftover);
    } catch (error) {
      failures.push(`${describeLeftover(leftover)}: ${describeError(error)}`);
    }
  }
  const left = findLeftovers().filter((each) => leftovers.some((wanted) => isSameLeftover(wanted, each)));
  if (left.length === 0 && failures.length === 0) return;
  const lines = [...failures, ...left.map((each) => `${describeLeftover(each)} is still there`)];
  throw new TproxyError("LEFTOVERS_REMAIN", `not all could be removed: ${lines.join("; ")}`, {
    hint: "Run `tproxyctl uninstall --leftovers` again; `bpftool cgroup tree` and `tc filter show` list what is there.",
  });
}

async function remove(leftover: Leftover): Promise<void> {
  switch (leftover.kind) {
    case "cgroup-program": {
      using program = BpfProgram.byId(leftover.programId);
      if (program !== undefined) detachProgram(program, leftover.cgroup, leftover.type);
      return;
    }
    case "socket-map-program": {
      using program = BpfProgram.byId(leftover.programId);
      using map = BpfMap.byId(leftover.mapId);
      if (program !== undefined && map !== undefined) detachProgram(program, map.fd, "sk_msg_verdict");
      return;
    }
    case "filter": {
      const { index, direction, priority, handle, programId } = leftover;
      const filter = { ifindex: index, direction, priority, handle };
      // By its place alone: somebody's may stand there by now.
      if (queryTc(filter) === programId) detachTc(filter);
      return;
    }
    case "pin": {
      const now = judgePin(leftover.path);
      if (now === undefined || !isSameLeftover(now, leftover)) return;
      unlinkSync(leftover.path);
      if (basename(dirname(leftover.path)) === KUMAS_DIRECTORY) removeIfEmpty(dirname(leftover.path));
      return;
    }
    case "gone-installation":
      // Nothing of the namespace itself: its interfaces and addresses went with it, and ours have the same numbers.
      detachPinned(leftover.path);
      removePinDirectory(leftover.path);
      await leaveHome(leftover.bpffs);
      return;
  }
}

/** The one that Kuma makes in a bpffs (`connect/cgroup_connect4`); tc/globals is iproute2's. */
const KUMAS_DIRECTORY = "connect";

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!["ENOTEMPTY", "ENOENT"].includes(systemErrorCode(error) ?? "")) throw error;
  }
}
