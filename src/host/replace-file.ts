// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { systemErrorCode } from "../core/errors.ts";

/**
 * Writes a file of the system's configuration: all of the text is there, also after a loss of power, or the file is as
 * it was. What is there keeps its mode and owner; where it is a link, what it leads to is replaced.
 *
 * @param mode of a file that is not there yet
 * @throws the system's error
 */
export function replaceFile(path: string, text: string, mode: number): void {
  const target = realPathOf(path);
  const found = statSync(target, { throwIfNoEntry: false });
  const fresh = join(dirname(target), `.tproxyctl-${randomBytes(8).toString("hex")}`);
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const fd = openSync(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    try {
      writeFileSync(fd, text); // writeSync may write a part and call that success
      keepAttributes(fd, found, mode);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(fresh, target);
  } catch (error) {
    removeFile(fresh);
    throw error;
  }
  syncDirectory(dirname(target));
}

/** @returns whether it was there */
export function removeFile(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return false;
    throw error;
  }
}

function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return path;
    throw error;
  }
}

function keepAttributes(fd: number, found: Stats | undefined, mode: number): void {
  if (found !== undefined) fchownSync(fd, found.uid, found.gid);
  fchmodSync(fd, found === undefined ? mode : found.mode & 0o7777);
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
