// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { systemErrorCode, TproxyError } from "../../core/errors.ts";
import { readMounts } from "../../host/mounts.ts";
import { HOME, listPinDirectories } from "./pin-directory.ts";

/** How far below the root of a bpffs a home is looked for: `--ebpf-bpffs-path /sys/fs/bpf/a/b`. */
const DEPTH = 3;

/**
 * The directories on any bpffs that hold pins of a network namespace: an installation is found wherever its
 * options put it. A file system that is mounted twice counts once.
 */
export function findHomes(cookie: bigint): string[] {
  const seen = new Set<string>();
  const homes: string[] = [];
  for (const { mountPoint } of readMounts().filter((mount) => mount.type === "bpf")) {
    for (const directory of withSubdirectories(mountPoint, DEPTH)) {
      if (listPinDirectories(directory, cookie).length === 0) continue;
      const { dev, ino } = statSync(join(directory, HOME));
      if (seen.has(`${dev}:${ino}`)) continue;
      seen.add(`${dev}:${ino}`);
      homes.push(directory);
    }
  }
  return homes;
}

function* withSubdirectories(directory: string, depth: number): Generator<string> {
  yield directory;
  if (depth === 0 || existsSync(join(directory, HOME))) return;
  for (const entry of list(directory)) {
    if (entry.isDirectory()) yield* withSubdirectories(join(directory, entry.name), depth - 1);
  }
}

/** Directories of others come and go. */
function list(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT") return [];
    throw new TproxyError("SYSCALL_FAILED", `cannot look for installations in ${directory}`, { cause });
  }
}
