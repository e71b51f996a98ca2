// SPDX-License-Identifier: Apache-2.0
import { closeSync, constants, openSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeError, systemErrorCode, TproxyError } from "../core/errors.ts";
import { makePrivateDirectory, RUN_DIRECTORY, removeIfEmpty } from "./run-directory.ts";

/**
 * A small text below /run/tproxyctl, for what the kernel cannot keep for us. Whoever reads or writes one holds the lock
 * of the namespace (`lockNamespace`).
 */
export class StateFile {
  readonly path: string;

  /** @param name of the file, without a directory */
  constructor(name: string) {
    this.path = join(RUN_DIRECTORY, name);
  }

  /** Undefined where there is none, or what a power failure leaves of one: a name without text, or NUL in the place of it. */
  read(): string | undefined {
    try {
      const text = readFileSync(this.path, "utf8");
      return /^\0*$/.test(text) ? undefined : text;
    } catch (cause) {
      if (systemErrorCode(cause) === "ENOENT") return undefined;
      throw new TproxyError("SYSCALL_FAILED", `cannot read ${this.path}`, { cause });
    }
  }

  /**
   * All of the text or, if that fails or we are killed, the one before.
   *
   * @returns false where /run is missing or cannot be written to (an init container)
   */
  write(text: string): boolean {
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
    const fresh = `${this.path}.new`;
    try {
      makePrivateDirectory(RUN_DIRECTORY);
      const fd = openSync(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
      try {
        writeFileSync(fd, text); // writeSync may write a part and call that success
      } catch (error) {
        unlink(fresh); // no space is left: it would take some
        throw error;
      } finally {
        closeSync(fd);
      }
      replaceBy(fresh, this.path);
      return true;
    } catch (cause) {
      const code = systemErrorCode(cause);
      if (code === "EROFS" || code === "ENOENT") return false;
      if (cause instanceof TproxyError) throw cause;
      throw new TproxyError("SYSCALL_FAILED", `cannot write ${this.path}: ${describeError(cause)}`, {
        cause,
        hint: "What is installed is written down there, so that all of it can be removed.",
      });
    }
  }

  remove(): void {
    for (const path of [`${this.path}.new`, this.path]) unlink(path);
    removeIfEmpty(RUN_DIRECTORY);
  }
}

/** What cannot take its place is not left beside it. */
function replaceBy(fresh: string, path: string): void {
  try {
    renameSync(fresh, path);
  } catch (error) {
    unlink(fresh);
    throw error;
  }
}

function unlink(path: string): void {
  try {
    unlinkSync(path);
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === "ENOENT" || code === "EROFS") return;
    throw new TproxyError("SYSCALL_FAILED", `cannot remove ${path}`, { cause });
  }
}
