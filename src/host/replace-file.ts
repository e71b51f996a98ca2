// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { describeError, systemErrorCode, TproxyError } from "../core/errors.ts";

/**
 * Gives a file another text, all of it or, if that fails or we are killed, none: with the same owner and mode, and where
 * symbolic links lead to it, by these.
 *
 * @throws TproxyError SYSCALL_FAILED; the file is as it was then
 */
export function replaceFile(path: string, text: string): void {
  try {
    const target = realpathSync(path);
    const fresh = `${target}.${randomUUID()}`;
    try {
      writeBeside(fresh, target, text);
      renameSync(fresh, target);
    } catch (error) {
      removeIfThere(fresh);
      throw error;
    }
  } catch (cause) {
    throw new TproxyError("SYSCALL_FAILED", `cannot write ${path}: ${describeError(cause)}`, {
      cause,
      hint: "The file is as it was. Without --in-place the result goes to stdout.",
    });
  }
}

function writeBeside(fresh: string, target: string, text: string): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const { uid, gid, mode } = statSync(target);
  const fd = openSync(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    writeFileSync(fd, text);
    // First the owner: that takes the bits for setuid away.
    fchownSync(fd, uid, gid);
    fchmodSync(fd, mode & 0o7777);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
  }
}
