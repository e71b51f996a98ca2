// SPDX-License-Identifier: Apache-2.0
import { lstatSync, mkdirSync, rmdirSync, type Stats } from "node:fs";
import { systemErrorCode, TproxyError } from "../core/errors.ts";

/** For locks, and for what an installation remembers that the kernel does not. Gone with a reboot, as the rules are. */
export const RUN_DIRECTORY = "/run/tproxyctl";

/**
 * Makes a directory that only we can write to, or finds that it is one.
 *
 * @throws TproxyError LOCKED where others could replace files in it; the system's error where it cannot be made
 */
export function makePrivateDirectory(directory: string): void {
  try {
    mkdirSync(directory, 0o700);
  } catch (error) {
    if (systemErrorCode(error) !== "EEXIST") throw error;
  }
  // Where another holder of a lock removed it meanwhile, that is the system's error, and not a directory of somebody's.
  if (isPrivate(lstatSync(directory))) return;
  throw new TproxyError("LOCKED", `cannot use ${directory}: others could replace files there`, {
    hint: `Remove it, or make it a directory that only root can write to (chown root ${directory}; chmod 700 ${directory}).`,
  });
}

/** Whether it is a directory, no link, that root or who runs this owns, and where nobody else can write. */
export function isPrivateDirectory(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found !== undefined && isPrivate(found);
}

function isPrivate(found: Stats): boolean {
  return found.isDirectory() && [0, process.geteuid?.()].includes(found.uid) && (found.mode & 0o022) === 0;
}

/** Leaves it where something is in it, it is gone, or nothing can be removed there (a read-only /run). */
export function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined || !["ENOTEMPTY", "EEXIST", "ENOENT", "EROFS"].includes(code)) throw error;
  }
}
