// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { systemErrorCode, TproxyError } from "../core/errors.ts";

const BPF_FS_MAGIC = 0xcafe4a11;

/** Whether a path exists and is on a BPF file system. */
export function isBpffs(path: string): boolean {
  try {
    return statfsSync(path).type === BPF_FS_MAGIC;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw error;
  }
}

/** The paths of all pins below a directory, in alphabetical order. Empty where there is no such directory. */
export function listPins(directory: string): string[] {
  if (!isBpffs(directory)) return [];
  const entries = readdirSync(directory, { withFileTypes: true, recursive: true });
  const pins = entries.filter((entry) => !entry.isDirectory());
  return pins.map((pin) => join(pin.parentPath, pin.name)).sort();
}

/**
 * Removes a directory of pins and all below it: what only they kept alive goes with them. Does nothing where
 * it does not exist, and refuses to touch anything that is not on a BPF file system.
 */
export function removePins(directory: string): void {
  if (!isBpffs(directory)) {
    if (!existsSync(directory)) return;
    throw new TproxyError("BPFFS_UNUSABLE", `${directory} is not on a BPF file system`);
  }
  rmSync(directory, { recursive: true, force: true });
}
